// The policies between two real guest kernels (User-Mode Linux): datagrams of iperf3, bulk TCP, TCP request and response
// alone and beside bulk TCP to the same VM. Nothing is pinned: three busy parties on two processors.
import { readFileSync } from 'node:fs'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { apply } from '../lib/policies.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { bootGuests, smallUdp, startServer, tcp } from '../lib/uml-guests.mjs'
import { measureWindow } from '../lib/window.mjs'

const MEMORY_MB = 512
const SETTLE_MS = 200
const ECHO_PORT = 5301
const RECEIVER = ['g1']
const SCRIPT = '/tmp/request-response.mjs'

/** Puts the program for request and response into the guests and starts its server. */
async function startEcho([from, to]) {
  const program = readFileSync(new URL('../lib/request-response.mjs', import.meta.url))
  for (const { guest } of [from, to]) await guest.putFile(SCRIPT, program)
  await startServer(to, `${process.execPath} ${SCRIPT} serve ${ECHO_PORT}`, ECHO_PORT)
}

async function requestResponse([from, to], seconds) {
  const command = `${process.execPath} ${SCRIPT} ask ${to.address} ${ECHO_PORT} ${seconds}`
  const { stdout, stderr } = await from.guest.run(command, { timeoutMs: seconds * 1000 + 30_000 })
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`${from.guest.name}: request and response failed: ${(stderr || stdout).trim()}`)
  }
}

/** Bulk TCP for as long as requests are asked, both to the same VM. */
async function requestBesideBulk(ends, seconds) {
  const bulk = tcp(...ends, seconds + 2)
  await sleep(1000)
  const answers = await requestResponse(ends, seconds)
  return { ...answers, ...(await bulk) }
}

export async function runUml({ policies, rounds, ms, targetUs, spinUs, workloads: wanted }) {
  const seconds = Math.max(1, Math.round((ms * 2) / 1000))
  const running = await startRingferry({ vifs: [{ targetUs }, { targetUs }], options: { spinUs } })
  progress('booting two guests')
  const ends = await bootGuests(
    'ag',
    120,
    running.sockets.map((path) => ({ type: 'vhost-user', path })),
    MEMORY_MB,
  )
  await startServer(ends[1])
  await startEcho(ends)
  await tcp(...ends, 1)
  const { offeredFps } = await smallUdp(...ends, seconds)
  const workloads = {
    'UDP 64, full': () => smallUdp(...ends, seconds),
    'UDP 64, 50 %': () => smallUdp(...ends, seconds, offeredFps * 0.5),
    'UDP 64, 10 %': () => smallUdp(...ends, seconds, offeredFps * 0.1),
    'bulk TCP': () => tcp(...ends, seconds),
    TCP_RR: () => requestResponse(ends, seconds),
    'TCP_RR beside bulk': () => requestBesideBulk(ends, seconds),
  }
  const runs = []
  for (let round = 0; round < rounds; round++)
    for (const [workload, action] of Object.entries(workloads).filter(
      ([name]) => !wanted || wanted.includes(name),
    ))
      for (let turn = 0; turn < policies.length && !isEnding(); turn++) {
        const chosen = policies[(turn + round) % policies.length]
        progress(`UML, round ${round + 1} of ${rounds}, ${workload}, ${chosen.label}`)
        await apply(running, chosen)
        await sleep(SETTLE_MS)
        const guestSeconds = () => ends.reduce((sum, { guest }) => sum + guest.cpuSeconds(), 0)
        const before = guestSeconds()
        const { value, ...figures } = await measureWindow(running, RECEIVER, 0, action)
        const guestsNsPerFrame = ((guestSeconds() - before) * 1e9) / figures.frames
        runs.push({
          round,
          workload,
          label: chosen.label,
          policy: chosen.name,
          ...figures,
          guestsNsPerFrame,
          measured: value,
        })
      }
  for (const { guest } of ends) await guest.stop()
  await running.stop()
  return runs
}

/** What a workload is judged by. */
const RESULT = {
  UDP: ['fps', 'datagrams/s'],
  bulk: ['mbps', 'Mb/s'],
  TCP_RR: ['perSecond', 'answers/s'],
}

export function reportUml(runs) {
  const summary = []
  for (const workload of new Set(runs.map((run) => run.workload))) {
    const [name, title] = RESULT[workload.split(/[ ,]/)[0]]
    const figures = (label, pick) =>
      runs
        .filter((run) => run.workload === workload && run.label === label)
        .sort((a, b) => a.round - b.round)
        .map(pick)
    console.log(`\n${workload}`)
    const rows = []
    for (const label of new Set(runs.map((run) => run.label))) {
      const row = { workload, label, result: summarise(figures(label, ({ measured }) => measured[name])) }
      for (const each of [
        'framesPerCall',
        'callsPerSecond',
        'cpuNsPerFrame',
        'guestsNsPerFrame',
        'totalP99Us',
      ])
        row[each] = summarise(figures(label, (run) => run[each]))
      if (name === 'perSecond') row.p99Us = summarise(figures(label, ({ measured }) => measured.p99Us))
      row.overNatural = ratio(
        figures(label, ({ measured }) => measured[name]),
        figures('natural', ({ measured }) => measured[name]),
      )
      summary.push(row)
      rows.push([
        ...[
          label,
          shown(row.result),
          shown(row.overNatural),
          shown(row.framesPerCall),
          short(row.callsPerSecond.estimate),
        ],
        ...[
          shown(row.cpuNsPerFrame),
          short(row.guestsNsPerFrame.estimate),
          shown(row.totalP99Us),
          row.p99Us ? short(row.p99Us.estimate) : '-',
        ],
      ])
    }
    table(
      [
        'policy',
        title,
        '/ natural',
        'frames/call',
        'calls/s',
        'switch CPU ns/frame',
        'guests',
        'held p99 us',
        'answer p99 us',
      ],
      rows,
    )
  }
  return summary
}
