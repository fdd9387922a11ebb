// What a live migration costs the switch: nanoseconds a frame while the pages of a guest's memory are logged, beside the
// fast path and the slow path without a log. Generator, plane and sink take turns in one thread, as in bench:plane.
import { PORT_WATCHED } from '../dist/core/layout.js'
import { PortRow } from '../dist/core/port-row.js'
import { FrontendLog } from '../dist/driver/frontend-log.js'
import { median } from '../dist/stats/summary.js'
import { chooseCases } from './lib/cases.mjs'
import { isEnding, runBench, undoLater } from './lib/cleanup.mjs'
import { readOptions } from './lib/options.mjs'
import { startPlaneBed } from './lib/plane-bed.mjs'
import { header, progress, progressEnd, save, table } from './lib/report.mjs'

const options = readOptions(
  'migration',
  'nanoseconds of the plane for a frame while written pages are logged',
  {
    cases: { default: 'one,p256,one-1500,p256-1500,buffers600', help: 'some of the cases of bench:plane' },
  },
)
const seconds = Number(options.seconds ?? (options.quick ? 0.5 : 4))
const cases = chooseCases(options.cases)
/** Short turns: on a busy machine some of them are left alone. */
const BURSTS = 100
const MIN_ROUNDS = 5
const NS_PER_MS = 1e6

/** What is switched on in a bed; undone by the same with `false`. */
const VARIANTS = [
  { name: 'fast path', set: () => {} },
  { name: 'slow path', set: (bed, on) => watch(bed, 1, on) },
  { name: 'receiver logged', set: (bed, on) => log(bed, 1, on) },
  { name: 'sender logged', set: (bed, on) => log(bed, 0, on) },
]

/** Two of them differ by the log alone. */
const [UNLOGGED, LOGGED] = [1, 2]

/** A port that is watched by nobody: its frames take the slow path, and no more. */
function watch({ engine }, index, on) {
  new PortRow(engine.memory, index).flag(PORT_WATCHED, on)
}

/** Has the writes into a guest's memory logged. Its frontend takes no marks: that is its own time. */
function log({ guests, logs }, index, on) {
  const { frontend, memory } = guests[index]
  const [region] = memory.regions
  logs[index] ??= new FrontendLog(region.guestAddress + region.sizeBytes)
  const done = frontend.setLogBase(logs[index], logs[index].fd) && frontend.logAll(on)
  if (!done) throw new Error('the switch takes no log')
}

async function measure(of) {
  const logs = /** @type {FrontendLog[]} */ ([])
  const bed = { ...(await startPlaneBed(of)), logs }
  undoLater(() => {
    bed.close()
    for (const each of logs) each?.close()
  })
  const runs = VARIANTS.map(() => /** @type {number[]} */ ([]))
  const until = performance.now() + seconds * 1000
  for (let round = 0; round < MIN_ROUNDS || performance.now() < until; round++) {
    for (let turn = 0; turn < VARIANTS.length; turn++) {
      const at = (turn + round) % VARIANTS.length
      VARIANTS[at].set(bed, true)
      const { ms, sent } = bed.turn(BURSTS)
      VARIANTS[at].set(bed, false)
      runs[at].push((ms * NS_PER_MS) / sent)
    }
    // So that Ctrl-C is heard.
    await new Promise((resolve) => setImmediate(resolve))
    if (isEnding()) break
  }
  return runs
}

await runBench(async () => {
  const settings = { seconds, cases: cases.map(({ name }) => name) }
  const machine = header('Logging for live migration: nanoseconds a frame', settings)
  const measured = []
  for (const of of cases) {
    progress(`measuring ${of.name}`)
    measured.push({ of, runs: await measure(of) })
    if (isEnding()) break
  }
  progressEnd()
  const summary = measured.map(({ of, runs }) => ({
    name: of.name,
    about: of.about,
    bestNs: runs.map((run) => Math.min(...run)),
    medianNs: runs.map((run) => median(run)),
  }))
  table(
    ['case', ...VARIANTS.map(({ name }) => name), 'log', 'what'],
    summary.map(({ name, about, bestNs }) => [
      name,
      ...bestNs.map((ns) => ns.toFixed(1)),
      (bestNs[LOGGED] - bestNs[UNLOGGED]).toFixed(1),
      about,
    ]),
  )
  console.log('best turns; log: receiver logged less slow path')
  save(options.json, {
    bench: 'migration',
    machine,
    settings: { ...settings, variants: VARIANTS.map(({ name }) => name) },
    summary,
    runs: measured.map(({ of, runs }) => ({ name: of.name, runs })),
  })
})
