/**
 * The engine as the simulator has it, for tests of policies in closed loop: Poisson arrivals, one NIC a VM, a processor of the
 * engine's own, and costs of a wake-up, a publication and a frame. Receivers cost nothing.
 */
import type { PolicyConfig } from '../../src/aggregation/create.js'
import type { VifDecision } from '../../src/aggregation/policy.js'
import { TuningReader } from '../../src/control/tuning-reader.js'
import { delaysSince, readDelays } from '../../src/core/delays.js'
import { histogramQuantile } from '../../src/core/histogram.js'
import { planeModule } from '../../src/engine/plane-module.js'
import { Machine } from '../../src/sim/machine.js'
import { Measurement } from '../../src/sim/measurement.js'
import {
  type Arrivals,
  HOST_DEFAULTS,
  MODEL_DEFAULTS,
  type Model,
  NIC_DEFAULTS,
  OPEN_DEFAULTS,
  VM_DEFAULTS,
} from '../../src/sim/model.js'
import { seededRandom } from '../../src/stats/random.js'

/** What a wake-up costs. */
export const WAKE_US = 2
/** Cycles at 1 GHz, which are nanoseconds. */
const COSTS = {
  ...{
    'wake-up': 1000 * WAKE_US,
    'plane, poll': 0,
    publication: 4000,
    call: 0,
    'plane, frame': 500,
    'plane, byte': 0,
  },
  ...{ 'NIC driver receive': 0, 'NIC interrupt': 0, 'domain switch': 0 },
  ...{ 'stack receive': 0, 'copy to the program': 0, 'virtual NIC': 0, 'virtual interrupt': 0 },
}
/** Between two looks at what was decided. */
const LOOK_MS = 10
const plane = planeModule()

/** A VM that receives. */
export interface Vm {
  readonly targetUs: number
  /** Frames per microsecond at a time; a number: always the same. */
  readonly rate: number | ((nowUs: number) => number)
}

/** Arrivals whose rate changes, as a trace of all the time: Poisson at the highest rate, of which each is kept with a chance. */
function drawn(rate: (nowUs: number) => number, ms: number, seed: number): Arrivals {
  const random = seededRandom(seed)
  const mostUs = ms * 1000
  let most = 0
  for (let us = 0; us <= mostUs; us += 100) most = Math.max(most, rate(us))
  const atUs: number[] = []
  for (let us = 0; us < mostUs; ) {
    us += -Math.log(1 - random()) / most
    if (random() * most < rate(us)) atUs.push(us)
  }
  return { kind: 'trace', atUs, bytes: atUs.map(() => 60) }
}

function modelOf(policy: PolicyConfig, vms: readonly Vm[], budget: number, ms: number): Model {
  const names = vms.map((_, at) => `v${at}`)
  return {
    ...MODEL_DEFAULTS,
    ...{ name: 'closed loop', policy, budget, costs: COSTS },
    host: { ...HOST_DEFAULTS, cores: 2, ghz: 1, wakeUs: 0 },
    nics: names.map((name) => ({ ...NIC_DEFAULTS, name: `n${name}`, gbps: 400, moderationUs: 0, wireUs: 0 })),
    vms: vms.map(({ targetUs }, at) => ({ ...VM_DEFAULTS, name: names[at]!, targetUs, cores: [1] })),
    traffic: vms.map(({ rate }, at) => ({
      ...OPEN_DEFAULTS,
      ...{ label: names[at]!, from: `n${names[at]}`, to: names[at]!, frameBytes: 60 },
      rateFps: typeof rate === 'number' ? rate * 1e6 : 1,
      ...(typeof rate === 'number' ? {} : { arrivals: drawn(rate, ms, 100 + at) }),
    })),
  }
}

/** A while of the run as it was. */
export interface Period {
  readonly atUs: number
  readonly use: number
  readonly p99Us: number
  readonly decisions: readonly VifDecision[]
}

/** Runs a policy for VMs for so many milliseconds; the first ones count in `periods` alone. */
export function run(policy: PolicyConfig, vms: readonly Vm[], budget: number, ms: number, warmMs = ms / 4) {
  const machine = new Machine(modelOf(policy, vms, budget, ms), 1, plane)
  const { driver, memory, settings } = machine.backends[0]!
  const reader = new TuningReader(settings.buffer)
  const rows = vms.map((_, at) => vms.length + at)
  const delaysNow = () => rows.map((row) => readDelays(memory.u64, row))
  const decided = () => reader.read(1).decisions.at(-1)?.vifs ?? []
  machine.start()
  const periods: Period[] = []
  let [before, workedUs, keptUs] = [delaysNow(), 0, 0]
  let measurement: Measurement | undefined
  for (let atMs = LOOK_MS; atMs <= ms; atMs += LOOK_MS) {
    machine.events.run(atMs * 1e6)
    const now = delaysNow()
    const since = now.map((each, at) => delaysSince(each, before[at]!).total)
    const usedUs = driver.workedUs - workedUs
    periods.push({
      ...{ atUs: atMs * 1000, use: usedUs / (LOOK_MS * 1000) },
      ...{ p99Us: histogramQuantile(since[0]!, 0.99), decisions: decided() },
    })
    if (measurement) keptUs += usedUs
    else if (atMs >= warmMs) measurement = new Measurement(machine)
    before = now
    workedUs = driver.workedUs
  }
  const { traffic, vms: results, drops, measuredS } = measurement!.results(1)
  const frames = traffic.reduce((sum, each) => sum + each.frames, 0)
  return {
    ...{ periods, frames, drops, last: decided() },
    use: keptUs / (measuredS * 1e6),
    cpuPerFrameUs: keptUs / frames,
    batch: frames / results.reduce((sum, { publications }) => sum + publications, 0),
    // As frames were delayed, and not as the plane bounds it: it does not know when they came.
    p99Us: traffic.map(({ delay }) => delay.p99Us),
    // As the plane counts it, from arrival to publication: what a target speaks of, and what it is judged by.
    publishedP99Us: results.map(({ totalP99Us }) => totalP99Us),
  }
}

/** A VM whose load stands still. */
export const steady = (rate: number, targetUs: number): Vm => ({ rate, targetUs })

/** Delays by decision, rest and hold together. */
export const delays = (decisions: readonly VifDecision[]) => decisions.map(({ figures }) => figures.delayUs!)
