// Small frames to embedded guests that sleep between calls: every policy at parts of the natural capacity and at
// full speed, for several numbers of VMs. One generator sends to all of them in turn, open-loop.
import { meanBatch, meanHoldUs } from '../../dist/aggregation/theory.js'
import { median } from '../../dist/stats/summary.js'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { startGuest, startLoad } from '../lib/load.mjs'
import { apply } from '../lib/policies.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { measureWindow } from '../lib/window.mjs'

const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const FRAME_BYTES = 64
/** Until the controller has come to rest. */
const SETTLE_MS = 400
const CAPACITY_WINDOWS = 5
/** The generator has the number after the last VM. */
const names = (count) => Array.from({ length: count }, (_, index) => `g${index}`)

/** A switch with so many receiving guests and one generator. */
async function place(vms, { targetUs, spinUs, receivers, always, decides }) {
  const vifs = Array.from({ length: vms + 1 }, () => ({ targetUs }))
  const running = await startRingferry({ cpu: SWITCH_CPU, vifs, options: { spinUs, decides } })
  const numbers = Array.from({ length: vms }, (_, index) => index + 1)
  const generator = { socket: running.sockets[vms], number: vms + 1, to: numbers, bytes: FRAME_BYTES }
  const senders = [{ ...generator, receives: false }]
  const guests = []
  const beside = []
  for (const number of numbers) {
    const socket = running.sockets[number - 1]
    if (receivers === 'beside')
      beside.push({ socket, number, to: [], bytes: FRAME_BYTES, receives: true, always })
    else if (receivers === 'one') senders.push({ socket, number, to: [], bytes: FRAME_BYTES, receives: true })
    else guests.push(await startGuest(socket, number, { kind: 'sink' }, LOAD_CPU))
  }
  const shared = beside.length > 0 ? await startLoad(SWITCH_CPU, beside, true) : undefined
  const load = await startLoad(LOAD_CPU, senders)
  return {
    running,
    load,
    /** Processor seconds of receivers that share the switch's processor. */
    receiverSeconds: () => shared?.cpuSeconds() ?? 0,
    async stop() {
      await load.stop()
      await shared?.stop()
      for (const { stop } of guests) await stop()
      await running.stop()
    },
  }
}

async function window({ running, load, receiverSeconds }, vms, rate, ms) {
  load.setRate(0, rate)
  await sleep(SETTLE_MS)
  const before = load.counters(0)
  const receivedBefore = receiverSeconds()
  const { value: _, ...figures } = await measureWindow(running, names(vms), ms)
  const receiverNsPerFrame = ((receiverSeconds() - receivedBefore) * 1e9) / figures.frames
  const after = load.counters(0)
  load.setRate(0, 0)
  const sentFps = (after.sent - before.sent) / figures.seconds
  return {
    ...{ ...figures, sentFps, unsentFps: (after.unsent - before.unsent) / figures.seconds },
    bothNsPerFrame: figures.cpuNsPerFrame + receiverNsPerFrame,
  }
}

/** Raw runs: {vms, load, offeredFps, label, round, ...figures}. */
export async function runMatrix(settings) {
  const { policies, vmCounts, loads, rounds, ms } = settings
  const runs = []
  const capacities = {}
  for (const vms of vmCounts) {
    if (isEnding()) break
    const here = await place(vms, settings)
    await apply(here.running, { policy: { name: 'natural' }, budget: 0.8 })
    const found = []
    for (let index = 0; index < CAPACITY_WINDOWS; index++)
      found.push((await window(here, vms, Number.POSITIVE_INFINITY, ms)).fps)
    const capacity = median(found)
    capacities[vms] = { capacityFps: capacity, windows: found }
    for (let round = 0; round < rounds; round++)
      for (const load of loads)
        for (let turn = 0; turn < policies.length && !isEnding(); turn++) {
          const chosen = policies[(turn + round) % policies.length]
          progress(`${vms} VMs, round ${round + 1} of ${rounds}, load ${loadName(load)}, ${chosen.label}`)
          await apply(here.running, chosen)
          const offeredFps = load === Number.POSITIVE_INFINITY ? load : load * capacity
          const figures = await window(here, vms, offeredFps, ms)
          const sentShare = Number.isFinite(offeredFps) ? figures.sentFps / offeredFps : Number.NaN
          runs.push({
            vms,
            load: loadName(load),
            offeredFps,
            label: chosen.label,
            policy: chosen.name,
            setting: chosen.policy,
            round,
            sentShare,
            ...figures,
          })
        }
    await here.stop()
  }
  return { capacities, runs }
}

export function loadName(load) {
  return load === Number.POSITIVE_INFINITY ? 'full' : `${Math.round(load * 100)} %`
}

/** Figures of a run in the order of the table, their titles, and whether the table shows their interval. */
/** @type {readonly (readonly [name: string, title: string, isWhole?: boolean])[]} */
const FIGURES = [
  ['fps', 'frames/s', true],
  ['sentShare', 'sent/offered', false],
  ['framesPerCall', 'frames/call', false],
  ['cpuNsPerFrame', 'CPU ns/frame', true],
  ['bothNsPerFrame', 'with receivers', true],
  ['cpuShare', 'CPU', false],
  ['totalP50Us', 'p50 us', false],
  ['totalP99Us', 'p99 us', true],
  ['holdMeanUs', 'mean hold us', false],
  ['jain', 'Jain', false],
]

/** Prints a table per number of VMs and load. Returns the summary. */
export function reportMatrix({ capacities, runs }) {
  const summary = []
  for (const vms of new Set(runs.map((run) => run.vms)))
    for (const load of new Set(runs.map((run) => run.load))) {
      const here = runs.filter((run) => run.vms === vms && run.load === load)
      if (here.length === 0) continue
      console.log(
        `\n${vms} VMs, load ${load} of ${short(capacities[vms].capacityFps)} frames/s (natural capacity)`,
      )
      const rows = []
      for (const label of new Set(here.map((run) => run.label))) {
        const chosen = here.filter((run) => run.label === label)
        const row = { vms, load, label, policy: chosen[0].policy }
        for (const [name] of FIGURES) row[name] = summarise(chosen.map((run) => run[name]))
        summary.push(row)
        rows.push([
          label,
          ...FIGURES.map(([name, , interval]) => (interval ? shown(row[name]) : short(row[name].estimate))),
        ])
      }
      table(['policy', ...FIGURES.map(([, title]) => title)], rows)
    }
  return summary
}

/** Runs of one policy in the order of rounds, one figure of each. */
function figuresOf(runs, vms, load, label, name) {
  return runs
    .filter((run) => run.vms === vms && run.load === load && run.label === label)
    .sort((a, b) => a.round - b.round)
    .map((run) => run[name])
}

/**
 * Batches and holds of the fixed settings as the theory predicts them from the measured rate (Poisson arrivals, one VM's
 * share of them) beside what was measured: the error of the model on real rings.
 */
export function comparePrediction({ runs }) {
  const found = []
  for (const run of runs.filter(({ policy, load }) => policy === 'fixed' && load !== 'full')) {
    const rate = run.fps / run.vms / 1e6
    const { holdUs, maxFrames } = run.setting
    found.push({
      ...{ vms: run.vms, load: run.load, label: run.label, perHold: rate * holdUs },
      batch: run.framesPerPublish,
      batchRatio: run.framesPerPublish / meanBatch(rate, holdUs, maxFrames),
      hold: run.holdMeanUs,
      holdRatio: run.holdMeanUs / meanHoldUs(rate, holdUs, maxFrames),
    })
  }
  if (found.length === 0) return found
  console.log('\nfixed settings: measured over predicted (medians and 95 % intervals over rounds)')
  const cases = new Map(found.map((each) => [`${each.vms} ${each.load} ${each.label}`, each]))
  table(
    [
      'setting',
      'VMs',
      'load',
      'frames a hold',
      'E[n]',
      'measured/predicted',
      'mean hold us',
      'measured/predicted',
    ],
    [...cases.values()].map(({ vms, load, label }) => {
      const here = found.filter((each) => each.vms === vms && each.load === load && each.label === label)
      const of = (name) => summarise(here.map((each) => each[name]))
      const { estimate: perHold } = of('perHold')
      return [
        ...[label, vms, load, short(perHold), short(of('batch').estimate), shown(of('batchRatio'))],
        ...[short(of('hold').estimate), shown(of('holdRatio'))],
      ]
    }),
  )
  return found
}

/** The comparisons that the project aims at, per number of VMs and adaptive variant, with 95 % intervals. */
export function compareMatrix({ runs }, summary) {
  const found = []
  const add = (aim, row, value, note = '') =>
    found.push({ aim, vms: row.vms, load: row.load, label: row.label, note, ...value })
  for (const row of summary.filter(({ policy }) => policy === 'adaptive')) {
    const { vms, load, label } = row
    const pair = (other, name) =>
      ratio(figuresOf(runs, vms, load, label, name), figuresOf(runs, vms, load, other, name))
    const peers = summary.filter((each) => each.vms === vms && each.load === load)
    const has = (other) => peers.some((each) => each.label === other)
    if (load === 'full' && has('per-packet')) add('frames / per-packet >= 8', row, pair('per-packet', 'fps'))
    if (load === '50 %' && has('natural')) {
      add('CPU per frame / natural <= 0.7', row, pair('natural', 'cpuNsPerFrame'))
      add('the same with receivers', row, pair('natural', 'bothNsPerFrame'))
      add('p99 / natural', row, pair('natural', 'totalP99Us'))
    }
    if (load === '10 %' && has('natural'))
      add('p99 at light load / natural <= 1', row, pair('natural', 'totalP99Us'))
    // The best fixed setting that takes no more CPU: the one with the lowest p99.
    const fixed = peers
      .filter(
        ({ policy, cpuNsPerFrame }) =>
          policy === 'fixed' && cpuNsPerFrame.estimate <= row.cpuNsPerFrame.estimate,
      )
      .sort((a, b) => a.totalP99Us.estimate - b.totalP99Us.estimate)[0]
    if (fixed) add('p99 / best fixed of equal CPU <= 1.1', row, pair(fixed.label, 'totalP99Us'), fixed.label)
  }
  if (found.length === 0) return found
  console.log('\nadaptive against the others (ratio of medians)')
  table(
    ['aim', 'VMs', 'load', 'policy', 'ratio', 'against'],
    found.map(({ aim, vms, load, label, note, ...value }) => [aim, vms, load, label, shown(value), note]),
  )
  return found
}
