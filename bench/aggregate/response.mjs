// Request and response between two embedded guests under each policy, alone and beside a stream of long frames to
// a third one that keeps the engine about half busy. Its frames are no IP, so a policy that knows urgency serves
// them at once, and one that does not holds them: the price of a hold for whoever waits for an answer.
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { macOf } from '../lib/frames.mjs'
import { startGuest, startLoad } from '../lib/load.mjs'
import { apply } from '../lib/policies.mjs'
import { progress, ratio, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { measureWindow } from '../lib/window.mjs'

const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const BULK_BYTES = 1500
/** The echo and the asker, the receiver of the bulk, its sender. */
const [ECHO, ASKER, BULK, SENDER] = [1, 2, 3, 4]
const CAPACITY_MS = 1000
const BULK_SHARE = 0.5
const SETTLE_MS = 300

export async function runResponse({ policies, rounds, ms, targetUs, spinUs }) {
  const vifs = Array.from({ length: 4 }, () => ({ targetUs }))
  const running = await startRingferry({ cpu: SWITCH_CPU, vifs, options: { spinUs } })
  const [echoAt, askerAt, bulkAt, senderAt] = running.sockets
  const guests = [
    await startGuest(echoAt, ECHO, { kind: 'echo' }, LOAD_CPU),
    await startGuest(bulkAt, BULK, { kind: 'sink' }, LOAD_CPU),
  ]
  const sender = { socket: senderAt, number: SENDER, to: [BULK], bytes: BULK_BYTES, receives: false }
  const load = await startLoad(LOAD_CPU, [sender])
  load.setRate(0, Number.POSITIVE_INFINITY)
  await sleep(SETTLE_MS)
  const { fps: capacity } = await measureWindow(running, ['g2'], CAPACITY_MS)
  const runs = []
  for (let round = 0; round < rounds; round++)
    for (const beside of ['alone', 'beside bulk'])
      for (let turn = 0; turn < policies.length && !isEnding(); turn++) {
        const chosen = policies[(turn + round) % policies.length]
        progress(`round trips, round ${round + 1} of ${rounds}, ${beside}, ${chosen.label}`)
        await apply(running, chosen)
        load.setRate(0, beside === 'alone' ? 0 : capacity * BULK_SHARE)
        const role = { kind: 'round-trip', to: macOf(ECHO), frameBytes: 64 }
        // A fresh asker each time: its histogram begins empty.
        const asker = await startGuest(askerAt, ASKER, role, LOAD_CPU)
        const { value, fps } = await measureWindow(running, ['g2'], ms, async () => {
          await sleep(ms)
          return asker.guest.roundTrips()
        })
        const { lost } = asker.guest.counters()
        runs.push({ round, beside, label: chosen.label, policy: chosen.name, ...value, lost, bulkFps: fps })
        await asker.stop()
        await sleep(50)
      }
  await load.stop()
  for (const { stop } of guests) await stop()
  await running.stop()
  return runs
}

export function reportResponse(runs) {
  const summary = []
  for (const beside of new Set(runs.map((run) => run.beside))) {
    console.log(`\nround trips of 64-byte frames, ${beside}`)
    const here = runs.filter((run) => run.beside === beside)
    const figures = (label, name) =>
      here
        .filter((run) => run.label === label)
        .sort((a, b) => a.round - b.round)
        .map((run) => run[name])
    const rows = []
    for (const label of new Set(here.map((run) => run.label))) {
      const row = { beside, label }
      for (const name of ['count', 'p50Us', 'p99Us', 'bulkFps']) row[name] = summarise(figures(label, name))
      if (here.some((run) => run.label === 'natural'))
        row.overNatural = ratio(figures(label, 'count'), figures('natural', 'count'))
      summary.push(row)
      rows.push([
        label,
        ...['count', 'p50Us', 'p99Us', 'bulkFps'].map((name) => shown(row[name])),
        row.overNatural ? shown(row.overNatural) : '-',
      ])
    }
    table(['policy', 'round trips', 'p50 us', 'p99 us', 'bulk frames/s', 'round trips / natural'], rows)
  }
  return summary
}
