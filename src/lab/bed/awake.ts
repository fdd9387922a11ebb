/**
 * Keeps the processors awake for a bed, whatever its switch: a thread of the idle class spins on each processor on which
 * this process may run, without pause. Anybody else who wants a processor has it at once. What the threads burn is
 * told, so that it can be told apart from what switch, guests and host use.
 *
 * Ringferry's own way (`switch.awake`) spins while traffic flows and a wake-up is worth it; this asks for neither.
 */
import { allowedCpus } from '../../sys/affinity.js'
import { IdleThreads } from '../../sys/idle-threads.js'

/** They spin for a slice of 30 ms at least, and then only when they are told again. */
const RENEW_MS = 10
const US_PER_S = 1e6

export class BedAwake {
  #threads: IdleThreads | undefined
  #timer: NodeJS.Timeout | undefined
  /** Of threads that have ended, in seconds. */
  #burntBeforeS = 0

  /** The processors that are kept awake now. */
  get cpus(): readonly number[] {
    return this.#threads?.cpus ?? []
  }

  /**
   * Keeps them awake from now on, or lets them sleep. Throws UNSUPPORTED, PERMISSION and SYSCALL where this machine has no
   * such threads.
   */
  async keep(isWanted: boolean): Promise<void> {
    if (isWanted === (this.#threads !== undefined)) return
    if (!isWanted) {
      await this.#end()
      return
    }
    const threads = new IdleThreads(allowedCpus(0))
    threads.on()
    this.#threads = threads
    this.#timer = setInterval(() => threads.on(), RENEW_MS)
    this.#timer.unref()
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer)
    const threads = this.#threads
    if (!threads) return
    await threads.close()
    this.#burntBeforeS += threads.burntUs() / US_PER_S
    this.#threads = undefined
  }

  /** Processor seconds that the threads have used so far. */
  burntS(): number {
    return this.#burntBeforeS + (this.#threads?.burntUs() ?? 0) / US_PER_S
  }
}
