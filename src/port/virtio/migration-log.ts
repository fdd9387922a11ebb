/**
 * Logging for a live migration of a vif's guest: while its frontend asks for it (VHOST_F_LOG_ALL) and has given a log,
 * every page of guest memory that is written is marked there.
 */
import { P_LOG_MARKED, PORT_LOGS } from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import { DirtyLog, type LogFile } from '../../grants/dirty-log.js'
import type { Grants } from '../../grants/grants.js'
import { signalEventfd } from '../../sys/eventfd.js'
import { EINTR } from '../../sys/libc.js'
import { PAGE_BYTES } from '../../sys/native-buffer.js'
import { closeFd } from '../../sys/unix-socket.js'
import type { VifRings } from './rings.js'

export class MigrationLog {
  readonly #row: PortRow
  readonly #grants: Grants
  readonly #rings: VifRings
  readonly #log: DirtyLog
  #call = -1
  #isAsked = false

  constructor(row: PortRow, grants: Grants, rings: VifRings) {
    this.#row = row
    this.#grants = grants
    this.#rings = rings
    this.#log = new DirtyLog(row)
  }

  /** Whether the frontend wants writes to be logged. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  /** The frontend wants writes to be logged, or no longer. Returns what is wrong with its log. */
  ask(on: boolean): string | undefined {
    this.#isAsked = on
    return this.update()
  }

  /** Takes a log, in place of the one before it. Returns what is wrong with it. */
  set(file: LogFile): string | undefined {
    // What is written and not published yet is mended at publication, which belongs into the old log.
    this.#rings.settle()
    this.#stop()
    const problem = this.#log.set(file)
    return problem === undefined ? this.update() : `the log of dirty pages: ${problem}`
  }

  /** @param fd signalled some ten times a second while pages are marked, owned from now on; -1: nothing is */
  setCall(fd: number): undefined {
    if (this.#call >= 0) closeFd(this.#call)
    this.#call = fd
  }

  /** Logs from now on what shall be logged: memory, log or wish may have changed. Returns what is wrong with the log. */
  update(): string | undefined {
    const { pages } = this.#log
    if (!this.#isAsked || pages === 0) {
      this.#stop()
      return undefined
    }
    const needed = Math.ceil(this.#grants.endAddress / PAGE_BYTES)
    if (needed > pages)
      return `the log of dirty pages has bits for ${pages} pages of guest memory, which has ${needed}`
    this.#row.flag(PORT_LOGS, true)
    return this.#rings.setLog(pages)
  }

  #stop(): void {
    this.#row.flag(PORT_LOGS, false)
    this.#rings.setLog(0)
  }

  /** Signals what was marked since the last time. Returns what is wrong. */
  tell(): string | undefined {
    if (this.#row.get(P_LOG_MARKED) === 0) return undefined
    this.#row.set(P_LOG_MARKED, 0)
    const blocks = this.#call >= 0 && signalEventfd(this.#call) === EINTR
    return blocks ? 'the descriptor of its log of dirty pages blocks' : undefined
  }

  /** Why an offset of the linear memory lost its page, if it lies in the log. */
  lossAt(offset: number): string | undefined {
    return this.#log.lossAt(offset)
  }

  /** The guest has gone, its rings are stopped. */
  forget(): void {
    this.#isAsked = false
    this.#stop()
    this.#log.release()
    this.setCall(-1)
    this.#row.set(P_LOG_MARKED, 0)
  }
}
