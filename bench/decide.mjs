// What deciding costs the engine's thread, in its own processor time: where it decides itself, where another thread does,
// and the turns in which nothing was decided. The controller, the policy and the tuning are the engine's own; counters and
// histograms of the vifs are invented. Processor time counts, so that a busy machine says nearly the same as a quiet one.
import { Controller } from '../dist/control/controller.js'
import { DecisionInForce } from '../dist/control/in-force.js'
import { TuningSettings } from '../dist/control/tuning-settings.js'
import { HISTOGRAMS } from '../dist/control/vif-meter.js'
import { warmUpController } from '../dist/control/warm-up.js'
import { COUNTERS, HISTOGRAM_BUCKETS, P_COUNTERS } from '../dist/core/layout.js'
import { LinearMemory } from '../dist/core/linear-memory.js'
import { PortRow } from '../dist/core/port-row.js'
import { quantile } from '../dist/stats/summary.js'
import { ThreadClock } from '../dist/sys/clock.js'
import { runBench } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { header, save, short, table } from './lib/report.mjs'

const options = readOptions('decide', "what a decision costs the engine's thread", {
  vms: { default: '1,8,64', help: 'numbers of VMs' },
  decisions: { default: undefined, help: 'decisions measured (default 600; quick 60)' },
})
const count = Number(options.decisions ?? (options.quick ? 60 : 600))
const vmCounts = numbers(options.vms)
const MEMORY_BYTES = 64 * 2 ** 20
const PERIOD_US = 20_000
/** Between two decisions some thousand bursts pass: nothing of the controller is left in the caches. */
const caches = new Float64Array(2 ** 20)

/** What crosses between two decisions. */
function cross(rows, at) {
  for (const row of rows) {
    for (let counter = 0; counter < COUNTERS; counter++) {
      const field = P_COUNTERS + counter * 8
      row.set(field, row.get(field) + 50 + ((at * 7 + counter + row.index) % 100))
    }
    for (const histogram of HISTOGRAMS)
      for (let bucket = 0; bucket < HISTOGRAM_BUCKETS / 2; bucket++)
        row.set(histogram + bucket * 4, row.get(histogram + bucket * 4) + ((at + bucket) % 3))
  }
  for (let word = 0; word < caches.length; word += 8) caches[word]++
}

/** Processor microseconds of each decision and of each taking over of one. */
function measure(vms) {
  const memory = new LinearMemory(MEMORY_BYTES)
  const settings = new TuningSettings({ policy: { name: 'adaptive' }, budget: 0.3 })
  const rows = Array.from({ length: vms }, (_, row) => new PortRow(memory, row))
  settings.setControlled(
    rows.map(({ index }) => index),
    0,
  )
  const controller = new Controller(memory, settings.buffer)
  const inForce = new DecisionInForce(settings)
  const clock = new ThreadClock()
  /** @type {{ decide: number[], take: number[] }} */
  const spent = { decide: [], take: [] }
  for (let at = 1; spent.take.length < count; at++) {
    cross(rows, at)
    const nowUs = at * PERIOD_US
    const done = { workedUs: nowUs * 0.4, spunUs: 0, waitedUs: nowUs * 0.1, wakes: at * 50 }
    const fromUs = clock.us()
    controller.run(nowUs, done)
    const decidedUs = clock.us()
    if (!inForce.isNew) continue
    inForce.take((row, limits) => rows[row]?.setHoldLimits(limits))
    const takenUs = clock.us()
    spent.decide.push(decidedUs - fromUs)
    spent.take.push(takenUs - decidedUs)
  }
  clock.free()
  return spent
}

await runBench(async () => {
  const machine = header('Deciding', { decisions: count })
  for (const _step of warmUpController());
  const results = vmCounts.map((vms) => ({ vms, ...measure(vms) }))
  table(
    ['VMs', 'decision us, median', 'p90', 'taking it over us, median', 'p90'],
    results.map(({ vms, decide, take }) => [
      vms,
      ...[decide, take].flatMap((each) => [quantile(each, 0.5), quantile(each, 0.9)]).map(short),
    ]),
  )
  save(options.json, { bench: 'decide', machine, results })
})
