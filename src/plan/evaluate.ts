/** Whether so many VMs fit, and what each of them then gets. */
import { replicate } from '../experiment/replicate.js'
import { ModelError } from '../sim/check.js'
import type { Results } from '../sim/results.js'
import { type Interval, nonNegativeMeanInterval } from '../stats/interval.js'
import { mean } from '../stats/summary.js'
import { modelOf, type Question } from './question.js'

/** Part of the demand that must be carried: less than that is not chance. */
const CARRIED = 0.95

/** What keeps VMs from fitting. */
export type Shortage = 'throughput' | 'delay' | 'line rate'

/** A number of VMs, simulated. Intervals are 95 %; null: there is no such figure. */
export interface Evaluation {
  readonly vms: number
  readonly fits: boolean
  /** Undefined when they fit. */
  readonly shortage?: Shortage
  /** What is used up: `nic NAME`, `driver domain`, `processor N`, `vm NAME`; `load`: nothing. */
  readonly bottleneck: string
  /** Of each VM, in the workload's unit. */
  readonly carried: Interval | null
  /** All VMs together. */
  readonly mbps: Interval | null
  /** p99 from arrival at the switch to publication, mean of the VMs. */
  readonly p99Us: Interval | null
  readonly holdMeanUs: Interval | null
  readonly batchFrames: Interval | null
  /** From a program to the other one; requests: until the answer came. */
  readonly responseP99Us: Interval | null
  /** Shares of one processor. */
  readonly cpuOfVm: Interval | null
  readonly cpuOfSwitch: Interval | null
  readonly cpuOfHost: Interval | null
  readonly events: number
}

export interface EvaluationOptions {
  readonly seed: number
  readonly replications: number
  readonly plane: WebAssembly.Module
}

function figure(runs: readonly Results[], of: (run: Results) => number): Interval | null {
  const values = runs.map(of).filter(Number.isFinite)
  if (values.length === 0) return null
  const { estimate, low, high } = nonNegativeMeanInterval(values)
  return values.length === 1 ? { estimate, low: estimate, high: estimate } : { estimate, low, high }
}

/** Mean of the values that are; NaN without any. */
function meanOf<T>(all: readonly T[], of: (one: T) => number): number {
  return mean(all.map(of).filter(Number.isFinite))
}

const NOTHING = {
  carried: null,
  mbps: null,
  p99Us: null,
  holdMeanUs: null,
  batchFrames: null,
  responseP99Us: null,
  cpuOfVm: null,
  cpuOfSwitch: null,
  cpuOfHost: null,
  events: 0,
} as const

/** Simulates the question's machine with so many VMs. Throws CONFIG for a machine that cannot be. */
export function evaluate(question: Question, vms: number, options: EvaluationOptions): Evaluation {
  const { seed, replications, plane } = options
  const rules = { min: replications, max: replications, halfWidth: 0, of: 'mbps' } as const
  let runs: readonly Results[]
  try {
    runs = replicate(modelOf(question, vms), { rules, seed, plane, warmUp: 'given' }).runs
  } catch (error) {
    // More is offered than the wire carries: nothing to simulate.
    if (error instanceof ModelError && error.path.at(-1) === 'rateFps')
      return { ...NOTHING, vms, fits: false, shortage: 'line rate', bottleneck: 'nic nic1' }
    throw error
  }
  const { workload, targetUs } = question
  const carried = figure(runs, ({ traffic }) => meanOf(traffic, workload.carried))
  const p99Us = figure(runs, (run) => meanOf(run.vms, (vm) => vm.totalP99Us))
  const isCarried = (carried?.estimate ?? 0) >= CARRIED * workload.demand
  const isInTime = p99Us === null || p99Us.estimate <= targetUs
  const shortage = !isCarried ? 'throughput' : !isInTime ? 'delay' : undefined
  return {
    vms,
    fits: shortage === undefined,
    ...(shortage === undefined ? {} : { shortage }),
    bottleneck: runs.at(-1)!.bottleneck,
    carried,
    mbps: figure(runs, (run) => run.mbps),
    p99Us,
    holdMeanUs: figure(runs, (run) => meanOf(run.vms, (vm) => vm.holdMeanUs)),
    batchFrames: figure(runs, (run) => meanOf(run.vms, (vm) => vm.batchFrames)),
    responseP99Us: figure(runs, (run) => meanOf(run.traffic, ({ delay }) => delay.p99Us)),
    cpuOfVm: figure(runs, (run) => meanOf(run.vms, (vm) => vm.cpu)),
    cpuOfSwitch: figure(runs, (run) => run.driverCpu),
    cpuOfHost: figure(runs, (run) => run.hostCpu),
    events: runs.reduce((sum, run) => sum + run.events, 0),
  }
}
