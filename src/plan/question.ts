/** What a plan is asked, and the model that answers it for a number of VMs. */
import type { PolicyConfig } from '../aggregation/create.js'
import type { CalibrationOfModel } from '../experiment/model-schema.js'
import {
  type ArchitectureName,
  type DeviceName,
  HOST_DEFAULTS,
  type Host,
  MODEL_DEFAULTS,
  type Model,
  NIC_DEFAULTS,
  VM_DEFAULTS,
} from '../sim/model.js'
import { stepsOf } from '../sim/steps.js'
import { FRAME_BYTES, type Workload } from './workload.js'

export interface Question {
  readonly nicGbps: number
  readonly nics: number
  readonly cores: number
  readonly ghz: number
  readonly vms: number
  readonly workload: Workload
  /** p99 from arrival at the switch to publication that each VM accepts. */
  readonly targetUs: number
  readonly architecture: ArchitectureName
  readonly device: DeviceName
  readonly policy: PolicyConfig
  /** Of a processor, for the switch. */
  readonly budget: number
  /** Cycles in place of the tables', of a calibrated model. */
  readonly costs: Readonly<Record<string, number>>
  /** The rest of the machine: a calibrated model's. */
  readonly host: Omit<Host, 'cores' | 'ghz'>
  /** What the calibration of that model has seen. */
  readonly calibrated?: Pick<CalibrationOfModel, 'run' | 'guests' | 'ranges'>
}

export const QUESTION_DEFAULTS: Omit<Question, 'nicGbps' | 'vms' | 'workload'> = {
  nics: 1,
  cores: HOST_DEFAULTS.cores,
  ghz: HOST_DEFAULTS.ghz,
  targetUs: VM_DEFAULTS.targetUs,
  architecture: MODEL_DEFAULTS.architecture,
  device: MODEL_DEFAULTS.device,
  policy: { name: 'adaptive' },
  budget: MODEL_DEFAULTS.budget,
  costs: {},
  host: HOST_DEFAULTS,
}

/** Ports of a switch. */
const MOST_PORTS = 128
/** What each VM, and all of them together, should carry in the measured time, so that chance decides little. */
const OF_EACH = 200
const OF_ALL = 6000
const LEAST_MS = 100
const MOST_MS = 20_000
const WARM_UP_MS = 60

/** Most VMs that can be asked about. */
export const mostVms = ({ nics }: Pick<Question, 'nics'>): number => MOST_PORTS - nics

/** The costs of steps that an architecture with a device has: a calibration knows those of one. */
function costsOf({ architecture, device, costs }: Question): Record<string, number> {
  const names = new Set(stepsOf({ ...MODEL_DEFAULTS, architecture, device }).map(({ name }) => name))
  return Object.fromEntries(Object.entries(costs).filter(([name]) => names.has(name)))
}

/** The machine of the question with so many VMs; VM i uses NIC i modulo their number. The switch has processor 0 first. */
export function modelOf(question: Question, vms: number): Model {
  const { workload, nics, nicGbps, cores, ghz, host, targetUs, architecture, device, policy, budget } =
    question
  const names = Array.from({ length: vms }, (_, at) => `vm${at + 1}`)
  const nicNames = Array.from({ length: nics }, (_, at) => `nic${at + 1}`)
  const perSecond = workload.unit === 'Mb/s' ? (workload.demand * 1e6) / (FRAME_BYTES * 8) : workload.demand
  const measureMs = Math.max(OF_EACH, OF_ALL / vms) * (1000 / perSecond)
  return {
    ...MODEL_DEFAULTS,
    name: `${vms} VMs`,
    ...{ architecture, device, policy, budget, costs: costsOf(question) },
    host: { ...host, cores, ghz },
    nics: nicNames.map((name) => ({ ...NIC_DEFAULTS, name, gbps: nicGbps })),
    vms: names.map((name) => ({ ...VM_DEFAULTS, name, targetUs })),
    traffic: names.map((name, at) => workload.traffic(name, nicNames[at % nics]!)),
    measureMs: Math.round(Math.min(MOST_MS, Math.max(LEAST_MS, measureMs))),
    warmUpMs: WARM_UP_MS,
  }
}
