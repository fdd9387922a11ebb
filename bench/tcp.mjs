// iperf3 between two real guest kernels (User-Mode Linux) through Ringferry, a Linux bridge and vde_switch: TCP
// both ways and small UDP datagrams, with the processor time of switch and guests. Guests are booted once per
// transport and kept; the transports take turns in every round.

import { createBridge } from './lib/bridge.mjs'
import { isEnding, runBench } from './lib/cleanup.mjs'
import { machineSeconds } from './lib/cpu.mjs'
import { readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, ratio, save, short, shown, summarise, table } from './lib/report.mjs'
import { startRingferry, startVdeSwitch } from './lib/switches.mjs'
import { bootGuests, smallUdp, startServer, tcp } from './lib/uml-guests.mjs'

const options = readOptions('tcp', 'iperf3 TCP both ways and small UDP between two User-Mode Linux guests', {
  rounds: { default: undefined, help: 'rounds, each with every transport (default 5; quick 3)' },
  transports: {
    default: 'ringferry,bridge-vector,bridge-tuntap,vde',
    help: 'which of them',
  },
})
const seconds = Number(options.seconds ?? (options.quick ? 2 : 5))
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5))
const UDP_SECONDS = options.quick ? 2 : 3
const GB = 1e9

/** How each transport is set up: the NIC of either guest, and the switch's process if it has one. */
const SETUPS = {
  async ringferry() {
    const running = await startRingferry()
    return { nics: running.sockets.map((path) => ({ type: 'vhost-user', path })), running }
  },
  async 'bridge-vector'() {
    const { taps } = createBridge('v', true)
    return { nics: taps.map((ifname) => ({ type: 'tap', ifname })) }
  },
  async 'bridge-tuntap'() {
    const { taps } = createBridge('t', false)
    return { nics: taps.map((ifname) => ({ type: 'tuntap', ifname })) }
  },
  async vde() {
    const running = await startVdeSwitch()
    return { nics: [0, 1].map(() => ({ type: 'vde', dir: running.dir })), running }
  },
}

const WORKLOADS = {
  'TCP forward': ([from, to]) => tcp(from, to, seconds),
  'TCP reverse': ([from, to]) => tcp(from, to, seconds, true),
  'UDP 64': ([from, to]) => smallUdp(from, to, UDP_SECONDS),
}

/** Runs a workload and measures who spent how much processor time meanwhile. */
async function measure({ ends, running }, workload) {
  const read = () => ({
    switch: running?.cpuSeconds() ?? 0,
    guests: ends.reduce((sum, { guest }) => sum + guest.cpuSeconds(), 0),
    machine: machineSeconds(),
  })
  const before = read()
  const result = await workload(ends)
  const after = read()
  const per = (name) => ((after[name] - before[name]) * GB) / result.bytes
  return { ...result, switchPerGb: per('switch'), guestsPerGb: per('guests'), machinePerGb: per('machine') }
}

const CPU_FIGURES = ['switch', 'guests', 'total']
/** Seconds per GB of 64-byte datagrams as microseconds per datagram. */
const US_PER_DATAGRAM = (64 * 1e6) / GB

function scaled({ estimate, low, high }, factor) {
  return { estimate: estimate * factor, low: low * factor, high: high * factor }
}

function report(machine, runs, names) {
  const rowsOf = (transport, workload) =>
    runs.filter((run) => run.transport === transport && run.workload === workload)
  const figure = (rows, name) => rows.map((row) => row[name])
  const summary = []
  for (const workload of Object.keys(WORKLOADS)) {
    const rate = workload.startsWith('TCP') ? 'mbps' : 'fps'
    const cells = []
    for (const transport of names) {
      const rows = rowsOf(transport, workload)
      if (rows.length === 0) continue
      const row = { workload, transport, runs: rows.length }
      for (const name of [rate, 'loss', 'switchPerGb', 'guestsPerGb', 'totalPerGb', 'machinePerGb'])
        if (rows[0][name] !== undefined) row[name] = summarise(figure(rows, name))
      const ours = rowsOf('ringferry', workload)
      if (transport !== 'ringferry' && ours.length === rows.length) {
        row.ringferryOver = ratio(figure(ours, rate), figure(rows, rate))
        row.cpuOver = ratio(figure(ours, 'totalPerGb'), figure(rows, 'totalPerGb'))
      }
      summary.push(row)
      cells.push([
        transport,
        shown(row[rate]),
        ...(rate === 'fps' ? [`${short(row.loss.estimate * 100)} %`] : []),
        ...CPU_FIGURES.map((name) =>
          shown(scaled(row[`${name}PerGb`], rate === 'fps' ? US_PER_DATAGRAM : 1)),
        ),
        row.ringferryOver ? shown(row.ringferryOver) : '1',
        row.cpuOver ? shown(row.cpuOver) : '1',
      ])
    }
    console.log(`\n${workload}`)
    table(
      [
        'transport',
        rate === 'fps' ? 'datagrams/s received' : 'Mb/s',
        ...(rate === 'fps' ? ['lost'] : []),
        ...CPU_FIGURES.map((name) => `${name} CPU ${rate === 'fps' ? 'us/datagram' : 's/GB'}`),
        'ringferry / it: rate',
        'total CPU',
      ],
      cells,
    )
  }
  console.log(
    '\nThe bridge works in the time of the guests and of the kernel: its switch column is empty, its total is what counts.',
  )
  save(options.json, { bench: 'tcp', machine, settings: { seconds, rounds }, summary, runs })
}

await runBench(async () => {
  const names = options.transports.split(',').filter((name) => name in SETUPS)
  const machine = header('TCP and small UDP between two User-Mode Linux guests', { seconds, rounds })
  const places = []
  for (const [index, name] of names.entries()) {
    progress(`${name}: booting two guests`)
    const { nics, running } = await SETUPS[name]()
    const ends = await bootGuests(`b${name.replace('-', '')}`, 100 + index, nics)
    await startServer(ends[1])
    await tcp(...ends, 1)
    places.push({ name, ends, running })
  }
  const runs = []
  for (let round = 0; round < rounds; round++)
    for (const [workload, run] of Object.entries(WORKLOADS))
      for (let turn = 0; turn < places.length && !isEnding(); turn++) {
        // Another one begins every round, so that none always follows the same.
        const place = places[(turn + round) % places.length]
        progress(`round ${round + 1} of ${rounds}: ${workload}, ${place.name}`)
        const result = await measure(place, run)
        const totalPerGb = result.switchPerGb + result.guestsPerGb
        runs.push({ round, transport: place.name, workload, ...result, totalPerGb })
      }
  progressEnd()
  report(machine, runs, names)
})
