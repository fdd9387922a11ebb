// What the adaptive controller does over time when the load of one VM changes: a step up and down, a ramp, bursts, and a
// load that stands still. Keeps every decision and the delay histogram of every 50 ms.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { histogramQuantile, since, total } from '../../dist/core/histogram.js'
import { standalone } from '../../dist/lab/report/picture-file.js'
import { seriesChart } from '../../dist/plot/series-chart.js'
import { sleep } from '../lib/cleanup.mjs'
import { startGuest, startLoad } from '../lib/load.mjs'
import { progress, short, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { measureWindow } from '../lib/window.mjs'

const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const FRAME_BYTES = 64
const SAMPLE_MS = 50
const WARM_UP_MS = 800
const CAPACITY_MS = 1000
/** Part of the natural capacity over time in milliseconds, and how long each case takes. */
const CASES = {
  step: { forMs: 4000, at: (ms) => (ms >= 1000 && ms < 2500 ? 0.3 : 0.05), marks: [1000, 2500] },
  ramp: { forMs: 5000, at: (ms) => 0.02 + (0.5 * (ms < 2500 ? ms : 5000 - ms)) / 2500, marks: [2500] },
  bursts: { forMs: 4000, at: (ms) => (ms % 400 < 100 ? 0.4 : 0.02), marks: [] },
  rest: { forMs: 4000, at: () => 0.2, marks: [] },
}
/** A delay within this part of its last values, or within so many microseconds, counts as settled. */
const SETTLED = 0.15
const SETTLED_US = 10

/** Raw runs: {case, budget, capacityFps, samples: [{ms, load, p50Us, p99Us, fps}], decisions: [{ms, ...}]}. */
export async function runStep({ policies, targetUs, spinUs }) {
  const vifs = [{ targetUs }, {}]
  const running = await startRingferry({ cpu: SWITCH_CPU, vifs, options: { spinUs } })
  const sink = await startGuest(running.sockets[0], 1, { kind: 'sink' }, LOAD_CPU)
  const load = await startLoad(LOAD_CPU, [
    { socket: running.sockets[1], number: 2, to: [1], bytes: FRAME_BYTES, receives: false },
  ])
  await running.configure({ policy: { name: 'natural' } })
  load.setRate(0, Number.POSITIVE_INFINITY)
  await sleep(WARM_UP_MS)
  const { fps: capacityFps } = await measureWindow(running, ['g0'], CAPACITY_MS)
  const runs = []
  for (const { budget, label } of policies.filter(({ name }) => name === 'adaptive'))
    for (const [name, shape] of Object.entries(CASES)) {
      progress(`${name}, ${label}`)
      await running.configure({ policy: { name: 'adaptive' }, budget })
      load.setRate(0, shape.at(0) * capacityFps)
      await sleep(WARM_UP_MS)
      runs.push({
        case: name,
        label,
        budget,
        targetUs,
        capacityFps,
        ...(await record(running, load, shape, capacityFps)),
      })
    }
  await load.stop()
  await sink.stop()
  await running.stop()
  return runs
}

async function record(running, load, { forMs, at }, capacityFps) {
  const samples = []
  const decisions = new Map()
  const beginMs = performance.timeOrigin + performance.now()
  let before = await running.snapshot()
  let nextMs = SAMPLE_MS
  for (;;) {
    const ms = performance.timeOrigin + performance.now() - beginMs
    if (ms >= forMs) break
    load.setRate(0, at(ms) * capacityFps)
    if (ms >= nextMs) {
      nextMs += SAMPLE_MS
      const now = await running.snapshot()
      const delay = since(now.ports.g0.delays.total, before.ports.g0.delays.total)
      const seconds = (now.atMs - before.atMs) / 1000
      const frames = now.ports.g0.counts.egress_frames - before.ports.g0.counts.egress_frames
      samples.push({
        ...{
          ms: now.startedMs + now.atMs - beginMs,
          load: at(ms),
          fps: frames / seconds,
          counted: total(delay),
        },
        ...{ p50Us: histogramQuantile(delay, 0.5), p99Us: histogramQuantile(delay, 0.99) },
      })
      before = now
      const kept = await running.decisions()
      for (const { atUs, vifs, figures } of kept.decisions) {
        const vif = vifs.find((each) => each.vif === 0)
        if (!vif) continue
        const atMs = kept.startedMs + atUs / 1000 - beginMs
        decisions.set(atUs, {
          ms: atMs,
          holdUs: vif.limits.holdUs,
          maxFrames: vif.limits.maxFrames,
          verdict: vif.verdict,
          ...figures,
          ...vif.figures,
        })
      }
    }
    await sleep(5)
  }
  return { samples, decisions: [...decisions.values()].filter(({ ms }) => ms >= 0) }
}

const middle = (values) => values.slice().sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const delayOf = ({ delayUs, holdUs }) => delayUs ?? holdUs

/**
 * How long it takes from a time on until the delay by decision is where it ends, and is there for nine tenths of the time
 * that follows. A decision holds until the next one.
 */
function settlingMs(decisions, fromMs, toMs) {
  const here = decisions.filter(({ ms }) => ms >= fromMs && ms < toMs)
  if (here.length === 0) return 0
  const end = middle(here.slice(-Math.ceil(here.length / 4)).map(delayOf))
  const spans = here.map((each, at) => ({
    ms: each.ms,
    forMs: (here[at + 1]?.ms ?? toMs) - each.ms,
    isNear: Math.abs(delayOf(each) - end) <= Math.max(SETTLED_US, SETTLED * end),
  }))
  const isSettled = (at) => {
    const far = spans.slice(at).reduce((sum, { forMs, isNear }) => sum + (isNear ? 0 : forMs), 0)
    return spans[at].isNear && far <= 0.1 * (toMs - spans[at].ms)
  }
  const first = spans.findIndex((_, at) => isSettled(at))
  return first < 0 ? Number.NaN : spans[first].ms - fromMs
}

export function reportStep(runs) {
  console.log('\nadaptive over time')
  const summary = runs.map((run) => {
    const p99s = run.samples.map(({ p99Us }) => p99Us).filter(Number.isFinite)
    const delays = run.decisions.map(delayOf)
    const changes = delays.filter((delay, index) => index > 0 && delay !== delays[index - 1]).length
    const late = run.samples.filter(({ p99Us }) => p99Us > run.targetUs).length
    return {
      ...{ case: run.case, label: run.label, decisions: delays.length, changes },
      ...{ worstP99Us: Math.max(...p99s), medianP99Us: middle(p99s), lateShare: late / run.samples.length },
      ...{ medianDelayUs: middle(delays), medianUse: middle(run.decisions.map(({ useShare }) => useShare)) },
      ...(run.case === 'step'
        ? { upMs: settlingMs(run.decisions, 1000, 2500), downMs: settlingMs(run.decisions, 2500, 4000) }
        : {}),
    }
  })
  table(
    [
      ...['case', 'policy', 'decisions', 'changed', 'median delay us', 'median use', 'median p99 of 50 ms'],
      ...['worst', 'of them late', 'settled up ms', 'down ms'],
    ],
    summary.map((row) => [
      ...[row.case, row.label, row.decisions, row.changes, short(row.medianDelayUs), short(row.medianUse)],
      ...[short(row.medianP99Us), short(row.worstP99Us), `${short(row.lateShare * 100)} %`],
      ...[row.upMs, row.downMs].map((ms) => (ms === undefined ? '-' : short(ms))),
    ]),
  )
  return summary
}

/** Draws every case of a run: measured p99, delay by decision and the load, over time. Returns the files written. */
export function drawStep(runs, folder) {
  if (!folder) return []
  mkdirSync(folder, { recursive: true })
  return runs.map((run) => {
    const seconds = (ms) => ms / 1000
    const { svg } = seriesChart({
      id: `${run.case}-${run.budget}`.replaceAll('.', '-'),
      title: `${run.case}: delay under the adaptive policy`,
      subtitle: `target ${run.targetUs} us, budget ${run.budget}, ${short(run.capacityFps / 1e6)} M frames/s natural capacity`,
      x: { label: 'time', unit: 's' },
      y: { label: 'delay', unit: 'us', better: 'lower', from: 0 },
      series: [
        {
          label: 'p99 of 50 ms, measured',
          points: run.samples.map(({ ms, p99Us }) => ({ x: seconds(ms), y: p99Us })),
        },
        // A decision holds until the next one.
        {
          label: 'delay by decision',
          points: run.decisions.flatMap((each, at) => {
            const until = run.decisions[at + 1]?.ms ?? CASES[run.case].forMs
            return [each.ms, until].map((ms) => ({ x: seconds(ms), y: delayOf(each) }))
          }),
        },
        {
          label: 'load, % of the natural capacity',
          points: run.samples.map(({ ms, load }) => ({ x: seconds(ms), y: load * 100 })),
        },
      ],
      target: { value: run.targetUs, label: 'target' },
      steps: CASES[run.case].marks.map((ms) => ({ x: seconds(ms), label: 'load changes' })),
    })
    const file = join(folder, `${run.case}-${run.budget}.svg`)
    writeFileSync(file, standalone(svg))
    return file
  })
}
