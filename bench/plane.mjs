// Nanoseconds that the plane takes for a frame when all lines are in its own caches: generator, plane and sink
// in one thread. The lower bound of what the switch can do; bench/pps.mjs measures it between processors.
//
// All cases are set up at once and take turns. The clock is read twice a burst of 32 frames, which is in the figures.
import { median } from '../dist/stats/summary.js'
import { BURST, CASES, chooseCases } from './lib/cases.mjs'
import { isEnding, runBench, undoLater } from './lib/cleanup.mjs'
import { readOptions } from './lib/options.mjs'
import { startPlaneBed } from './lib/plane-bed.mjs'
import { header, progress, progressEnd, save, table } from './lib/report.mjs'

const options = readOptions('plane', 'nanoseconds that the plane takes for a frame, alone in one thread', {
  cases: { default: undefined, help: `some of ${CASES.map(({ name }) => name).join(',')}` },
})
const seconds = Number(options.seconds ?? (options.quick ? 0.2 : 1))
const cases = chooseCases(options.cases)
/** Bursts of a turn: about 5 ms. */
const BURSTS = 2000
const SLOW_BURSTS = 100
const SLOW_TURNS = 5
const MIN_ROUNDS = 5
const NS_PER_MS = 1e6
/** Share of frames; what is under way at the ends of a turn is none. */
const MOST_LOST = 0.001

async function rounds(beds) {
  const runs = beds.map(() => /** @type {ReturnType<typeof beds[0]['turn']>[]} */ ([]))
  const until = performance.now() + seconds * 1000 * beds.length
  for (let round = 0; round < MIN_ROUNDS || performance.now() < until; round++) {
    for (let turn = 0; turn < beds.length; turn++) {
      const at = (turn + round) % beds.length
      runs[at].push(beds[at].turn(BURSTS))
    }
    // So that Ctrl-C is heard.
    await new Promise((resolve) => setImmediate(resolve))
    if (isEnding()) break
  }
  return runs
}

/** Nanoseconds a frame of a turn. */
const nsOf = ({ ms, sent }) => (ms * NS_PER_MS) / sent

/** What a frame costs without the fast path. */
function slowly(bed) {
  bed.setFastPath(false)
  bed.turn(SLOW_BURSTS)
  const turns = Array.from({ length: SLOW_TURNS }, () => bed.turn(SLOW_BURSTS))
  bed.setFastPath(true)
  return Math.min(...turns.map(nsOf))
}

function summaryOf(of, runs, slowNs) {
  const ns = runs.map(nsOf)
  const sum = (name) => runs.reduce((all, run) => all + run[name], 0)
  const { name, about, receivers = 1, flood } = of
  return {
    ...{ name, about, bestNs: Math.min(...ns), medianNs: median(ns), slowNs },
    workPerFrame: sum('work') / sum('sent'),
    lost: 1 - sum('received') / (sum('sent') * (flood ? receivers : 1)),
  }
}

await runBench(async () => {
  const settings = { seconds, burst: BURST }
  const machine = header('The plane alone: nanoseconds a frame', settings)
  const beds = []
  for (const of of cases) {
    progress(`setting up ${of.name}`)
    const bed = await startPlaneBed(of)
    undoLater(() => bed.close())
    beds.push(bed)
  }
  progress('measuring')
  const runs = await rounds(beds)
  const summary = cases.map((of, index) => summaryOf(of, runs[index], slowly(beds[index])))
  progressEnd()
  const first = summary[0]
  table(
    ['case', 'best', 'median', `best/${first.name}`, 'work', 'slow path', 'what'],
    summary.map((row) => [
      row.name,
      row.bestNs.toFixed(1),
      row.medianNs.toFixed(1),
      (row.bestNs / first.bestNs).toFixed(2),
      row.workPerFrame.toFixed(2),
      row.slowNs.toFixed(1),
      row.about,
    ]),
  )
  for (const { name, lost } of summary)
    if (Math.abs(lost) > MOST_LOST)
      console.log(`${name}: ${(lost * 100).toFixed(1)} % of the frames were lost`)
  console.log('work: units that the slow path charged for a frame (0: none went there)')
  console.log('slow path: nanoseconds a frame while the fast path is switched off')
  save(options.json, {
    bench: 'plane',
    machine,
    settings,
    summary,
    runs: cases.map(({ name }, index) => ({ name, runs: runs[index] })),
  })
})
