import { COUNTERS, HISTOGRAM_BUCKETS, P_COUNTERS } from '../core/layout.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { Controller, PERIOD_US } from './controller.js'
import { HISTOGRAMS } from './vif-meter.js'

const VIFS = 4
const DECISIONS = 600

/**
 * Makes the controller's code ready before the first frame: decisions are taken ten to a hundred times a second between
 * two bursts, and until V8 has compiled them to machine code, each would stop the engine for some hundred microseconds, for
 * minutes. A controller of its own decides about invented counters in a memory of its own; some ten milliseconds.
 */
export function warmUpController(): void {
  const memory = new LinearMemory(MIN_MEMORY_BYTES)
  const controller = new Controller(memory, { policy: { name: 'adaptive' }, budget: 0.3 })
  const vifs = Array.from({ length: VIFS }, (_, index) => ({ index, name: '', setHoldLimits: () => {} }))
  for (let at = 0; at < DECISIONS; at++) {
    // Loads that change, so that every way through the policy is taken.
    const level = 1 + (at % 50) * (at % 3)
    for (const { index } of vifs) {
      const row = new PortRow(memory, index)
      for (let counter = 0; counter < COUNTERS; counter++) {
        const field = P_COUNTERS + counter * 8
        row.set(field, row.get(field) + level * (1 + ((counter + index) % 4)))
      }
      for (const histogram of HISTOGRAMS) {
        const field = histogram + ((at * 7 + index) % (HISTOGRAM_BUCKETS / 2)) * 4
        row.set(field, row.get(field) + level)
      }
    }
    const nowUs = (at + 1) * PERIOD_US
    controller.run(nowUs, vifs, { workedUs: nowUs * 0.4, spunUs: 0, waitedUs: nowUs * 0.1, wakes: at * 50 })
  }
}
