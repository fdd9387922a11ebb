// What the adaptive controller does over time when the load of one VM changes: a step up and down, a ramp, and
// bursts. Keeps every decision (about one in 5 ms) and the delay histogram of every 50 ms.
import { histogramQuantile, since, total } from '../../dist/stats/histogram.js'
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
  step: { forMs: 4000, at: (ms) => (ms >= 1000 && ms < 2500 ? 0.8 : 0.1) },
  ramp: { forMs: 5000, at: (ms) => 0.05 + (0.9 * (ms < 2500 ? ms : 5000 - ms)) / 2500 },
  bursts: { forMs: 4000, at: (ms) => (ms % 100 < 20 ? 0.9 : 0.02) },
  rest: { forMs: 4000, at: () => 0.5 },
}
/** A hold within this part of its last values counts as settled. */
const SETTLED = 0.1

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
      const frames = now.ports.g0.counts.to_vm_frames - before.ports.g0.counts.to_vm_frames
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

/** How long after a time the hold stays within a tenth of what it ends at; NaN when it never does. */
function settlingMs(decisions, fromMs, toMs) {
  const here = decisions.filter(({ ms }) => ms >= fromMs && ms < toMs)
  const end = middle(here.slice(-Math.ceil(here.length / 4)).map(({ holdUs }) => holdUs))
  const far = ({ holdUs }) => Math.abs(holdUs - end) > Math.max(1, SETTLED * end)
  const last = here.findLast(far)
  return {
    endHoldUs: end,
    settlingMs: last ? last.ms - fromMs : 0,
    highestHoldUs: Math.max(...here.map(({ holdUs }) => holdUs)),
  }
}

export function reportStep(runs) {
  console.log('\nadaptive over time')
  const summary = runs.map((run) => {
    const worst = Math.max(...run.samples.map(({ p99Us }) => p99Us).filter(Number.isFinite))
    const holds = run.decisions.map(({ holdUs }) => holdUs)
    const changes = holds.filter((hold, index) => index > 0 && hold !== holds[index - 1]).length
    const late = run.samples.filter(({ p99Us }) => p99Us > run.targetUs).length
    return {
      ...{ case: run.case, label: run.label, decisions: holds.length, changes, worstP99Us: worst },
      ...{ lateShare: late / run.samples.length, medianHoldUs: middle(holds) },
      ...(run.case === 'step'
        ? { up: settlingMs(run.decisions, 1000, 2500), down: settlingMs(run.decisions, 2500, 4000) }
        : {}),
    }
  })
  table(
    [
      'case',
      'policy',
      'decisions',
      'hold changed',
      'median hold us',
      'worst p99 of 50 ms',
      'of them late',
      'settled up ms',
      'down ms',
    ],
    summary.map((row) => [
      ...[row.case, row.label, row.decisions, row.changes, short(row.medianHoldUs), short(row.worstP99Us)],
      `${short(row.lateShare * 100)} %`,
      ...[row.up, row.down].map((side) => (side ? short(side.settlingMs) : '-')),
    ]),
  )
  return summary
}
