// Small frames between two kernel devices: over TAPs or packet ports of Ringferry, and over veths of a bridge of the
// kernel. Sender and switch take turns in one thread, so that the processor time of each is known whatever else runs on
// the machine; the devices lie in a network namespace of this process, and nothing of them outlives it.
import { C_EGRESS_FRAMES, P_COUNTERS, PORT_BYTES, PORTS_AT } from '../dist/core/layout.js'
import { Engine } from '../dist/engine/engine.js'
import { cpuNs, deviceCounts, enterOwnNetwork, ip, Sender } from './host/devices.mjs'
import { runBench, undoLater } from './lib/cleanup.mjs'
import { readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, ratio, save, shown, summarise, table } from './lib/report.mjs'

const options = readOptions(
  'host',
  'small frames over TAPs and packet ports, and over a kernel bridge (root)',
  {
    rounds: { default: undefined, help: 'rounds, each with a window for every way (default 31, quick 5)' },
    frame: { default: '60', help: 'bytes of a frame' },
    burst: { default: '384', help: 'frames that are sent before the switch has its turn' },
  },
)
const rounds = Number(options.rounds ?? (options.quick ? 5 : 31))
const windowMs = Number(options.seconds ?? (options.quick ? 0.05 : 0.2)) * 1000
const frameBytes = Number(options.frame)
const burst = Number(options.burst)
const MAX_STEPS = 10_000
const WARM_UP_ROUNDS = 3

/** Where frames are sent, and where they arrive, by way. */
const WAYS = {
  bridge: { from: 'rfba', to: 'rfbb' },
  tap: { from: 'rfta', to: 'rftb' },
  packet: { from: 'rfpa', to: 'rfpb' },
}

/** Veths whose far ends are ports of the bridge, or of the switch. */
function makeVeths(names) {
  for (const name of names) {
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}x`)
    for (const device of [name, `${name}x`]) ip('link', 'set', device, 'up')
  }
}

function makeBridge() {
  ip('link', 'add', 'rfbridge', 'type', 'bridge', 'mcast_snooping', '0')
  ip('link', 'set', 'rfbridge', 'up')
  makeVeths(['rfba', 'rfbb'])
  for (const device of ['rfbax', 'rfbbx']) ip('link', 'set', device, 'master', 'rfbridge')
}

/** A switch with two ports that are up. */
function startEngine(ports) {
  const engine = new Engine({ memoryBytes: 256 * 2 ** 20 })
  undoLater(() => engine.close())
  for (const port of ports) engine.addPort({ ...port, name: port.device })
  for (let steps = 0; engine.ports.some((port) => port.status().state !== 'up'); steps++) {
    if (steps > MAX_STEPS) throw new Error('the ports of the switch do not come up')
    engine.step(1000)
  }
  return engine
}

/** Steps an engine until its second port has written `count` frames more. Returns the processor time in nanoseconds. */
function carry(engine, count) {
  const port = engine.ports[1]
  const written = () => Number(engine.memory.u64[counterAt(port.index)])
  const until = written() + count
  const before = cpuNs()
  for (let steps = 0; written() < until || port.hasOutput(); steps++) {
    if (steps > MAX_STEPS) throw new Error(`frames on the way to ${port.name} were lost`)
    engine.step()
  }
  return cpuNs() - before
}

/** Place of a port's counter of frames in the u64 of the linear memory. */
function counterAt(index) {
  return (PORTS_AT + index * PORT_BYTES + P_COUNTERS) / 8 + C_EGRESS_FRAMES
}

/** One window: nanoseconds a frame of sender and switch, and frames a second with a processor for each. */
function measure(way, sender, engine) {
  const { to } = WAYS[way]
  const start = performance.now()
  const received = deviceCounts(to).received
  let frames = 0
  let senderNs = 0
  let switchNs = 0
  while (performance.now() - start < windowMs) {
    const before = cpuNs()
    sender.send(burst)
    senderNs += cpuNs() - before
    if (engine) switchNs += carry(engine, burst)
    frames += burst
  }
  const lost = frames - (deviceCounts(to).received - received)
  const [sent, carried] = [senderNs / frames, switchNs / frames]
  const mfps = 1e3 / Math.max(sent, carried)
  return { frames, lost, senderNs: sent, switchNs: carried, mfps, cpuNs: sent + carried }
}

await runBench(async () => {
  enterOwnNetwork()
  const machine = header('Small frames between kernel devices', { rounds, windowMs, frameBytes, burst })
  makeBridge()
  makeVeths(['rfpa', 'rfpb'])
  const engines = {
    tap: startEngine(['rfta', 'rftb'].map((device) => ({ kind: 'tap', device }))),
    packet: startEngine(['rfpax', 'rfpbx'].map((device) => ({ kind: 'packet', device }))),
  }
  const names = Object.keys(WAYS)
  const senders = {}
  for (const way of names) {
    const { from, to } = WAYS[way]
    const sender = new Sender(from, to, frameBytes, () => engines[way]?.step(1000))
    senders[way] = sender
  }
  const runs = []
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++)
    for (let at = 0; at < names.length; at++) {
      const way = names[(at + round + WARM_UP_ROUNDS) % names.length]
      progress(`round ${Math.max(0, round) + 1} of ${rounds}: ${way}`)
      const run = { round, way, ...measure(way, senders[way], engines[way]) }
      if (round >= 0) runs.push(run)
    }
  progressEnd()
  const of = (way, name) => runs.filter((run) => run.way === way).map((run) => run[name])
  table(
    [
      'way',
      'sender ns',
      'switch ns',
      'Mfps, a processor each',
      'to bridge',
      'ns a frame in all',
      'to bridge',
    ],
    names.map((way) => [
      way,
      shown(summarise(of(way, 'senderNs'))),
      shown(summarise(of(way, 'switchNs'))),
      shown(summarise(of(way, 'mfps'))),
      shown(ratio(of(way, 'mfps'), of('bridge', 'mfps'))),
      shown(summarise(of(way, 'cpuNs'))),
      shown(ratio(of(way, 'cpuNs'), of('bridge', 'cpuNs'))),
    ]),
  )
  const lost = runs.reduce((sum, run) => sum + run.lost, 0)
  if (lost !== 0) console.log(`lost on the way: ${lost} frames`)
  save(options.json, { bench: 'host', machine, settings: { rounds, windowMs, frameBytes, burst }, runs })
})
