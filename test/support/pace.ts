/** A pace, and what the controller allows it, to be driven by a modelled clock. */
import { Pace, type PaceLimits, type SleepDue, TICK_US } from '../../src/control/pace.js'
import { PROBE_US, PROBES } from '../../src/control/wake-cost.js'

export const FOREVER = Number.POSITIVE_INFINITY
/** Nothing is due. */
export const IDLE: SleepDue = {
  heldUs: FOREVER,
  releaseUs: FOREVER,
  pollUs: FOREVER,
  renotifyUs: FOREVER,
  requestUs: FOREVER,
}
export const MAX_SPIN_US = 20

/** What the controller allows, to be changed by the test. */
interface Limits extends PaceLimits {
  restUs: number
  workUs: number
  spinBudgetUs: number
}

export function limits(): Limits {
  return {
    restUs: 0,
    workUs: FOREVER,
    spinBudgetUs: FOREVER,
    maySpin(spunUs) {
      return this.restUs === 0 && spunUs < this.spinBudgetUs
    },
  }
}

/** A pace whose probes of this tick are over. */
export function made(maxSpinUs = MAX_SPIN_US): { pace: Pace; allowed: Limits } {
  const allowed = limits()
  const pace = new Pace(allowed, maxSpinUs)
  pace.ticked(0)
  for (let probes = 0; probes < PROBES; probes++) pace.slept(-PROBE_US, 0, PROBE_US)
  pace.resumed(0)
  return { pace, allowed }
}

/** A pace that has learnt to spin as long as it may. */
export function spinning(): { pace: Pace; allowed: Limits } {
  const both = made()
  for (let sleeps = 0; sleeps < 10; sleeps++) both.pace.slept(0, 1, TICK_US)
  both.pace.resumed(0)
  return both
}
