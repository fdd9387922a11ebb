import type { EngineUse } from '../control/controller.js'
import type { Pace } from '../control/pace.js'
import { ThreadClock } from '../sys/clock.js'

/** An engine that waits for its processor for more of the time finds out after every sleep how long it waited. */
const CONTENDED_SHARE = 0.005

/**
 * What the engine's time goes to. In a thread of its own its work is the thread's processor time without spinning, so that
 * kicks, sleeps and wake-ups count as what they cost; where the caller drives the engine, the time of bursts and publications.
 * Times in microseconds.
 */
export class EngineTime {
  readonly #clock = new ThreadClock()
  readonly #pace: Pace
  #ownsThread = false
  #workedUs = 0
  #isContended = false
  #waitedShare = 0
  /** Time waited for the processor when last read: at the last tick, at the last wake-up. */
  #waitedAtTick = 0
  #waitedAtWake = 0

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** Whether the engine runs in a thread of its own. */
  set ownsThread(owns: boolean) {
    this.#ownsThread = owns
  }

  /** Counts work of an engine that its caller drives. */
  addWork(us: number): void {
    this.#workedUs += us
  }

  /** Processor time of the calling thread. */
  threadUs(): number {
    return this.#clock.us()
  }

  /** Finds out how contended the processor is, over the time since the last tick. */
  tick(nowUs: number): void {
    if (!this.#ownsThread) return
    const waited = this.#clock.waitedUs()
    this.#waitedShare = (waited - this.#waitedAtTick) / (nowUs - this.#pace.tickUs)
    this.#isContended = this.#waitedShare > CONTENDED_SHARE
    this.#waitedAtTick = waited
    this.#waitedAtWake = waited
  }

  /** The part of the time between the last two ticks in which others kept the engine waiting for its processor. */
  get waitedShare(): number {
    return this.#waitedShare
  }

  /** What the engine has done so far. */
  use(): EngineUse {
    const { spunUs, wakes } = this.#pace
    if (!this.#ownsThread) return { workedUs: this.#workedUs, spunUs, waitedUs: 0, wakes }
    // Reading how long it waited costs more than the rest together; an engine that hardly waits is asked at every tick only.
    const waitedUs = this.#isContended ? this.#clock.waitedUs() : this.#waitedAtTick
    return { workedUs: this.#clock.us() - spunUs, spunUs, waitedUs, wakes }
  }

  /**
   * How long the engine waited for its processor after what woke it: frames waited as long. At most what it has waited
   * since this was last asked, because others took the processor in the middle of its work, too.
   */
  waitedSinceWake(): number {
    if (!this.#isContended) return 0
    const waited = this.#clock.waitedUs()
    const since = waited - this.#waitedAtWake
    this.#waitedAtWake = waited
    // Not known after a rest, which counts as a whole.
    return Number.isNaN(since) ? 0 : since
  }

  /** How long the engine has waited for its processor since its start, read for its own sake. */
  waited(): number {
    return this.#ownsThread ? this.#clock.waitedUs() : 0
  }

  /** A rest has ended: how much of it was waiting is not known. */
  rested(): void {
    this.#waitedAtWake = Number.NaN
  }

  free(): void {
    this.#clock.free()
  }
}
