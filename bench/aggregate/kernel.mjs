// Small frames into a real guest kernel (User-Mode Linux), the founding document's case: driver domain and guest share one
// processor, so a call makes the host switch between them. 64-byte UDP frames of a generator on the other processor, at
// parts of what the guest takes under natural and at full speed. Nobody listens inside: what counts is that the kernel
// takes the frames from its ring, and only a guest that gives buffers back goes on receiving.
import { execFileSync } from 'node:child_process'
import { sessionProcesses } from '../../dist/lab/guest/processes.js'
import { median } from '../../dist/stats/summary.js'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { startLoad } from '../lib/load.mjs'
import { apply } from '../lib/policies.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { bootGuests } from '../lib/uml-guests.mjs'
import { measureWindow } from '../lib/window.mjs'
import { loadName } from './matrix.mjs'

const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const FRAME_BYTES = 64
const MEMORY_MB = 256
const SETTLE_MS = 400
const CAPACITY_WINDOWS = 5
const RECEIVER = ['g0']
const SENDER = { mac: '02:00:00:00:00:fe', address: '10.121.0.254' }

function pinGuest({ pid }, cpu) {
  for (const each of sessionProcesses(pid))
    execFileSync('taskset', ['-apc', String(cpu), String(each.pid)], { stdio: 'ignore' })
}

/** Raw runs: {load, offeredFps, label, round, ...figures}. */
export async function runKernel({ policies, loads, rounds, ms, targetUs, spinUs }) {
  const vifs = [{ targetUs }, { targetUs }]
  const running = await startRingferry({ cpu: SWITCH_CPU, vifs, options: { spinUs } })
  progress('booting a guest')
  const [end] = await bootGuests('ak', 121, [{ type: 'vhost-user', path: running.sockets[0] }], MEMORY_MB)
  pinGuest(end.guest, SWITCH_CPU)
  const receiver = { mac: end.mac, address: end.address }
  const sender = {
    ...{ socket: running.sockets[1], number: SENDER, to: [receiver] },
    ...{ bytes: FRAME_BYTES, receives: false },
  }
  const load = await startLoad(LOAD_CPU, [sender])
  const offer = async (rate) => {
    load.setRate(0, rate)
    await sleep(SETTLE_MS)
    const before = { ...load.counters(0), cpu: end.guest.cpuSeconds() }
    const { value: _, ...figures } = await measureWindow(running, RECEIVER, ms)
    const after = { ...load.counters(0), cpu: end.guest.cpuSeconds() }
    load.setRate(0, 0)
    return {
      ...figures,
      sentFps: (after.sent - before.sent) / figures.seconds,
      guestNsPerFrame: ((after.cpu - before.cpu) * 1e9) / figures.frames,
    }
  }
  await apply(running, { policy: { name: 'natural' }, budget: 0.8 })
  const found = []
  for (let at = 0; at < CAPACITY_WINDOWS; at++) found.push((await offer(Number.POSITIVE_INFINITY)).fps)
  const capacityFps = median(found)
  const runs = []
  for (let round = 0; round < rounds; round++)
    for (const part of loads)
      for (let turn = 0; turn < policies.length && !isEnding(); turn++) {
        const chosen = policies[(turn + round) % policies.length]
        progress(`kernel, round ${round + 1} of ${rounds}, load ${loadName(part)}, ${chosen.label}`)
        await apply(running, chosen)
        const offeredFps = Number.isFinite(part) ? part * capacityFps : part
        const figures = await offer(offeredFps)
        const sentShare = Number.isFinite(offeredFps) ? figures.sentFps / offeredFps : Number.NaN
        runs.push({
          ...{ round, load: loadName(part), offeredFps, label: chosen.label, policy: chosen.name },
          ...{ ...figures, sentShare },
        })
      }
  await load.stop()
  await end.guest.stop()
  await running.stop()
  return { capacityFps, windows: found, runs }
}

export function reportKernel({ capacityFps, runs }) {
  const summary = []
  for (const load of new Set(runs.map((run) => run.load))) {
    const figures = (label, name) =>
      runs
        .filter((run) => run.load === load && run.label === label)
        .sort((a, b) => a.round - b.round)
        .map((run) => run[name])
    console.log(
      `\none User-Mode Linux guest, load ${load} of ${short(capacityFps)} frames/s (natural capacity)`,
    )
    const rows = []
    for (const label of new Set(runs.map((run) => run.label))) {
      const row = { load, label }
      for (const name of [
        ...['fps', 'sentShare', 'framesPerCall', 'cpuNsPerFrame', 'guestNsPerFrame'],
        ...['totalP50Us', 'totalP99Us'],
      ])
        row[name] = summarise(figures(label, name))
      for (const [name, other, figure] of [
        ['overPerPacket', 'per-packet', 'fps'],
        ['cpuOverNatural', 'natural', 'cpuNsPerFrame'],
        ['p99OverNatural', 'natural', 'totalP99Us'],
      ])
        if (runs.some((run) => run.label === other))
          row[name] = ratio(figures(label, figure), figures(other, figure))
      summary.push(row)
      rows.push([
        ...[label, shown(row.fps), short(row.sentShare.estimate), short(row.framesPerCall.estimate)],
        ...[shown(row.cpuNsPerFrame), short(row.guestNsPerFrame.estimate)],
        ...[short(row.totalP50Us.estimate), shown(row.totalP99Us)],
        ...[row.overPerPacket, row.cpuOverNatural, row.p99OverNatural].map((value) =>
          value ? shown(value) : '-',
        ),
      ])
    }
    table(
      [
        ...[
          'policy',
          'frames/s',
          'sent/offered',
          'frames/call',
          'switch CPU ns/frame',
          'guest',
          'p50 us',
          'p99 us',
        ],
        ...['frames / per-packet', 'CPU / natural', 'p99 / natural'],
      ],
      rows,
    )
  }
  return summary
}
