import type { Pace, SleepDue } from '../control/pace.js'
import type { RequestScheduler } from '../control/request-scheduler.js'
import { G_HELD_US, G_RATE_AT_US, G_WOKE_US, GLOBALS_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { nowUs } from '../sys/clock.js'
import type { Descriptors } from './descriptors.js'
import type { EngineTime } from './engine-time.js'
import type { Kicks } from './kicks.js'
import type { WokenPorts } from './woken-ports.js'

const HELD = (GLOBALS_AT + G_HELD_US) >>> 3
const RATE_AT = (GLOBALS_AT + G_RATE_AT_US) >>> 3
const WOKE = (GLOBALS_AT + G_WOKE_US) >>> 3

/** What a pause needs of the engine. */
export interface PauseParts {
  readonly memory: LinearMemory
  readonly pace: Pace
  readonly time: EngineTime
  readonly kicks: Kicks
  readonly woken: WokenPorts
  readonly descriptors: Descriptors
  readonly requests: RequestScheduler
}

/** Sleeps and rests: src/control/pace says which and for how long. Times in microseconds. */
export class Pauses {
  readonly #parts: PauseParts

  constructor(parts: PauseParts) {
    this.#parts = parts
  }

  /** Sleeps until a guest kicks or something else happens, at most `maxUs`. */
  sleep(maxUs: number): void {
    const { memory, pace, time, kicks, woken, descriptors } = this.#parts
    const start = nowUs()
    if (kicks.arm() || woken.any) {
      descriptors.poll(0)
    } else {
      const before = nowUs()
      time.addWork(before - start)
      const renotifyUs = kicks.renotify()
      descriptors.poll(pace.sleepUs(before, maxUs, this.#due(before, renotifyUs)))
      woken.wakePolled()
      const woke = nowUs()
      pace.slept(before, woke)
      memory.f64[WOKE] = woke - Math.min(woke - before, time.waitedSinceWake())
    }
    kicks.disarm()
  }

  /**
   * Sleeps without asking for kicks: while the CPU is scarce the guests' frames gather in their rings, and neither
   * they nor we pay for a kick and a switch for each. What that costs in delay is measured as queue.
   */
  rest(maxUs: number): void {
    const { pace, time, kicks, woken, descriptors } = this.#parts
    const start = nowUs()
    if (pace.isRenotifyDue(start)) kicks.renotify()
    const before = nowUs()
    descriptors.poll(pace.restUs(maxUs, this.#due(before, Number.POSITIVE_INFINITY)))
    woken.wakePolled()
    pace.rested(nowUs())
    time.rested()
    time.addWork(before - start)
  }

  #due(now: number, renotifyUs: number): SleepDue {
    const { memory, woken, requests } = this.#parts
    return {
      heldUs: memory.f64[HELD] as number,
      releaseUs: Math.max(0, (memory.f64[RATE_AT] as number) - now),
      pollUs: woken.pollUs,
      renotifyUs,
      requestUs: requests.dueUs(now),
    }
  }
}
