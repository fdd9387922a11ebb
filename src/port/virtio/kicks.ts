import { C_MUTED_KICKS, V_AVAIL, V_LAST_AVAIL } from '../../core/layout.js'
import type { PortRow } from '../../core/port-row.js'
import type { VringRow } from '../../core/vring-row.js'
import { EPOLLET, EPOLLIN } from '../../sys/epoll.js'
import { closeFd } from '../../sys/unix-socket.js'
import type { PortHost } from '../port.js'

/** So many kicks without a ring that moves are no accident: a driver makes buffers available before it kicks. */
const UNSHARED_KICKS = 8
/**
 * Kicks in a row for which a ring had nothing new. Beyond it they are not listened to until the next tick, and the
 * ring is polled meanwhile: a frontend that only kicks must not keep the engine awake.
 */
const MAX_IDLE_KICKS = 64

interface Kick {
  readonly fd: number
  /** Kicks in a row that brought nothing, and the next available index as of the last one. */
  idleKicks: number
  kickedAt: number
}

/** The kicks of a vif's rings: they wake the port, and a ring that has none, or too many, is polled. */
export class VifKicks {
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #vrings: readonly VringRow[]
  readonly #onUnshared: () => void
  readonly #kicks = new Map<number, Kick>()
  /** Rings that must be polled: the frontend gave no kick for them, or they are muted. */
  readonly #polled = new Set<number>()
  /** Rings whose kicks are not listened to until the next tick. */
  readonly #muted = new Set<number>()
  /** Kicks that came while no ring had moved since it was started; -1: one has. */
  #deafKicks = 0

  /**
   * @param onUnshared called when kicks come and no ring ever moves: the frontend's memory is another than the one that
   *   was granted
   */
  constructor(host: PortHost, row: PortRow, vrings: readonly VringRow[], onUnshared: () => void) {
    this.#host = host
    this.#row = row
    this.#vrings = vrings
    this.#onUnshared = onUnshared
  }

  /** Replaces the kick of a ring. @param fd owned from now on; -1: none, the ring is polled */
  set(queue: number, fd: number): void {
    this.close(queue)
    if (fd < 0) {
      this.#poll(queue, true)
      return
    }
    const kick = { fd, idleKicks: 0, kickedAt: -1 }
    this.#kicks.set(queue, kick)
    // Each kick is reported once, so the counter is never read: a frontend may make reads block, or set it to anything.
    this.#host.watch(fd, EPOLLIN | EPOLLET, () => this.#kicked(queue, kick))
  }

  close(queue: number): void {
    this.#poll(queue, false)
    this.#muted.delete(queue)
    const kick = this.#kicks.get(queue)
    if (!kick) return
    this.#kicks.delete(queue)
    this.#host.unwatch(kick.fd)
    closeFd(kick.fd)
  }

  /** A new guest begins: whether its memory is shared is not known. */
  forget(): void {
    this.#deafKicks = 0
  }

  #kicked(queue: number, kick: Kick): void {
    this.#host.plane.countKick(this.#row.index)
    this.#checkMoves()
    this.#host.wake(this.#row.index)
    const at = this.#vrings[queue]?.get(V_LAST_AVAIL) as number
    kick.idleKicks = at === kick.kickedAt ? kick.idleKicks + 1 : 0
    kick.kickedAt = at
    if (kick.idleKicks < MAX_IDLE_KICKS) return
    this.#muted.add(queue)
    this.#poll(queue, true)
    this.#host.rewatch(kick.fd, EPOLLET)
    this.#row.count(C_MUTED_KICKS)
  }

  /** Whether the rings that are kicked move in the memory that was granted. */
  #checkMoves(): void {
    if (this.#deafKicks < 0) return
    for (const vring of this.#vrings) {
      if (!vring.isRunning) continue
      const index = this.#row.memory.data.getUint16(vring.get(V_AVAIL) + 2, true)
      if (index !== 0 || vring.get(V_LAST_AVAIL) !== 0) {
        this.#deafKicks = -1
        return
      }
    }
    if (++this.#deafKicks === UNSHARED_KICKS) this.#onUnshared()
  }

  /** Listens to the kicks again that were too many. Called some ten times a second. */
  tick(): void {
    for (const queue of this.#muted) {
      const kick = this.#kicks.get(queue) as Kick
      kick.idleKicks = MAX_IDLE_KICKS / 2
      this.#poll(queue, false)
      this.#host.rewatch(kick.fd, EPOLLIN | EPOLLET)
    }
    this.#muted.clear()
  }

  #poll(queue: number, on: boolean): void {
    if (on) this.#polled.add(queue)
    else this.#polled.delete(queue)
    this.#host.setPolled(this.#row.index, this.#polled.size > 0)
  }
}
