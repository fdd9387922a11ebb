import { COUNTERS, HISTOGRAM_BUCKETS, P_COUNTERS } from '../core/layout.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { Controller, PERIOD_US } from './controller.js'
import { TuningSettings } from './tuning-settings.js'
import { HISTOGRAMS } from './vif-meter.js'

const VIFS = 4
const DECISIONS = 600

/**
 * Makes the controller's code ready, a decision for each step: until V8 has compiled it to machine code, a decision takes some
 * hundred microseconds, and decisions are few, so that this would be so for minutes. A controller of its own decides about invented
 * counters in a memory of its own. A tenth of a second of processor time in all, many times that on an emulated processor.
 */
export function* warmUpController(): Generator<void, void> {
  const memory = new LinearMemory(MIN_MEMORY_BYTES)
  const settings = new TuningSettings({ policy: { name: 'adaptive' }, budget: 0.3 })
  const rows = Array.from({ length: VIFS }, (_, row) => row)
  settings.setControlled(rows, 0)
  const controller = new Controller(memory, settings.buffer)
  for (let at = 0; at < DECISIONS; at++) {
    // Loads that change, so that every way through the policy is taken.
    const level = 1 + (at % 50) * (at % 3)
    for (const index of rows) {
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
    controller.run(nowUs, { workedUs: nowUs * 0.4, spunUs: 0, waitedUs: nowUs * 0.1, wakes: at * 50 })
    yield
  }
}
