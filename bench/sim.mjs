// Events a second of the simulator on one core, by processor time: M/M/1, and a pair of VMs behind a bridge in both depths.
// SimPy runs the same M/M/1 where it is installed (python3-simpy).
import { spawnSync } from 'node:child_process'
import { planeModule } from '../dist/engine/plane-module.js'
import { MODEL_DEFAULTS, NIC_DEFAULTS, OPEN_DEFAULTS, VM_DEFAULTS } from '../dist/sim/model.js'
import { runModel } from '../dist/sim/run.js'
import { runStation } from '../dist/sim/station.js'
import { runBench } from './lib/cleanup.mjs'
import { readOptions } from './lib/options.mjs'
import { header, save, short, table } from './lib/report.mjs'

const options = readOptions('sim', 'events a second of the simulator', {
  rounds: { default: '5', help: 'rounds; the median counts' },
  customers: { default: undefined, help: 'customers of M/M/1 (default 2000000; quick 200000)' },
})
const customers = Number(options.customers ?? (options.quick ? 200_000 : 2_000_000))
const plane = planeModule()
const MEAN_NS = { arrivals: 1000, service: 800 }

const station = () =>
  runStation(
    {
      arrivals: { kind: 'exponential', meanNs: MEAN_NS.arrivals },
      service: { kind: 'exponential', meanNs: MEAN_NS.service },
    },
    customers,
    1,
  ).events

/** @param {'counts' | 'rings'} depth */
const bridged = (depth) => () =>
  runModel(
    {
      ...MODEL_DEFAULTS,
      name: 'bridged pair',
      depth,
      host: { ...MODEL_DEFAULTS.host, cores: 3 },
      nics: [{ ...NIC_DEFAULTS, name: 'eth0' }],
      vms: ['a', 'b'].map((name, at) => ({ ...VM_DEFAULTS, name, cores: [at + 1] })),
      traffic: [{ ...OPEN_DEFAULTS, label: 'a to b', from: 'a', to: 'b', rateFps: 500_000 }],
      measureMs: options.quick ? 100 : 1000,
    },
    { seed: 1, plane },
  ).events

const SIMPY = `
import random, simpy, sys, time
random.seed(1)
env, left, events = simpy.Environment(), ${Math.ceil(customers / 20)}, 0
server = simpy.Resource(env, 1)
def customer():
    global left, events
    with server.request() as turn:
        yield turn
        yield env.timeout(random.expovariate(1 / ${MEAN_NS.service}))
    left -= 1
    events += 2
def source():
    while left > 0:
        yield env.timeout(random.expovariate(1 / ${MEAN_NS.arrivals}))
        env.process(customer())
start = time.process_time()
env.process(source())
env.run()
print(events / (time.process_time() - start))
`

/** Events a second of SimPy, arrivals and departures counted; undefined where it is not installed. */
function simpy() {
  const { status, stdout } = spawnSync('python3', ['-c', SIMPY], { encoding: 'utf8' })
  return status === 0 ? Number(stdout) : undefined
}

/** @param {() => number} run */
function rate(run) {
  const before = process.cpuUsage().user
  const events = run()
  return (events / (process.cpuUsage().user - before)) * 1e6
}

await runBench(async () => {
  const machine = header('Simulator', { customers })
  const cases = {
    'M/M/1': station,
    'bridged pair, counts': bridged('counts'),
    'bridged pair, rings': bridged('rings'),
  }
  const results = Object.entries(cases).map(([name, run]) => {
    run()
    const rates = Array.from({ length: Number(options.rounds) }, () => rate(run)).sort((a, b) => a - b)
    return { name, eventsPerS: rates[rates.length >> 1], least: rates[0], most: rates.at(-1) }
  })
  const other = simpy()
  if (other !== undefined)
    results.push({ name: 'M/M/1, SimPy', eventsPerS: other, least: other, most: other })
  table(
    ['model', 'M events/s, median', 'least', 'most'],
    results.map(({ name, eventsPerS, least, most }) => [
      name,
      ...[eventsPerS, least, most].map((each) => short((each ?? 0) / 1e6)),
    ]),
  )
  save(options.json, { bench: 'sim', machine, results })
})
