import type { Pace, SleepDue } from '../control/pace.js'
import type { RequestScheduler } from '../control/request-scheduler.js'
import { PROBE_US } from '../control/wake-cost.js'
import type { Globals } from '../core/globals.js'
import { G_HELD_US, G_RATE_AT_US, G_WAKES, G_WOKE_US } from '../core/layout.js'
import { nowUs } from '../sys/clock.js'
import type { Descriptors } from './descriptors.js'
import type { EngineTime } from './engine-time.js'
import type { Kicks } from './kicks.js'
import type { WokenPorts } from './woken-ports.js'

/** What a pause needs of the engine. */
export interface PauseParts {
  readonly globals: Globals
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
    const { globals, pace, time, kicks, woken, descriptors } = this.#parts
    const start = nowUs()
    if (kicks.arm() || woken.any) {
      descriptors.poll(0)
    } else {
      const before = nowUs()
      time.addWork(before - start)
      const renotifyUs = kicks.renotify()
      const plannedUs = pace.sleepUs(before, maxUs, this.#due(before, renotifyUs))
      const isProbe = plannedUs === PROBE_US
      const waitedBeforeUs = isProbe ? time.waited() : 0
      const slept = isProbe ? nowUs() : before
      descriptors.poll(plannedUs)
      const woke = nowUs()
      woken.wakePolled()
      const waitedUs = Math.min(woke - before, time.waitedSinceWake())
      pace.slept(slept, woke, plannedUs, isProbe ? time.waited() - waitedBeforeUs : waitedUs)
      globals.set(G_WAKES, pace.wakes)
      globals.setF64(G_WOKE_US, woke - waitedUs)
    }
    kicks.disarm()
  }

  /**
   * Sleeps without asking for kicks: while the CPU is scarce the guests' frames gather in their rings, and neither
   * they nor we pay for a kick and a switch for each. What that costs in delay is measured as queue.
   */
  rest(maxUs: number): void {
    const { globals, pace, time, kicks, woken, descriptors } = this.#parts
    const start = nowUs()
    if (pace.isRenotifyDue(start)) kicks.renotify()
    const before = nowUs()
    descriptors.poll(pace.restUs(maxUs, this.#due(before, Number.POSITIVE_INFINITY)))
    woken.wakePolled()
    pace.rested(nowUs())
    globals.set(G_WAKES, pace.wakes)
    time.rested()
    time.addWork(before - start)
  }

  #due(now: number, renotifyUs: number): SleepDue {
    const { globals, woken, requests } = this.#parts
    return {
      heldUs: globals.getF64(G_HELD_US),
      releaseUs: Math.max(0, globals.getF64(G_RATE_AT_US) - now),
      pollUs: woken.pollUs,
      renotifyUs,
      requestUs: requests.dueUs(now),
    }
  }
}
