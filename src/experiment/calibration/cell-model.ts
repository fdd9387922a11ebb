/** A cell of the lab as a model: the same VMs, policy and traffic, on a host as the calibration says. */
import { BUDGET_DEFAULT, VIF_DEFAULTS } from '../../control/defaults.js'
import { policyOf } from '../../lab/bed/ringferry.js'
import type { Cell, WorkloadPlan } from '../../lab/study/cell.js'
import { GENERATOR_SPIN_US } from '../../lab/workload/frame-pair.js'
import type { FramesSettings } from '../../lab/workload/frames.js'
import {
  type Host,
  MODEL_DEFAULTS,
  type Model,
  OPEN_DEFAULTS,
  type OpenTraffic,
  VM_DEFAULTS,
} from '../../sim/model.js'
import { framesTraffic } from '../frames-traffic.js'
import { isOnRings } from './run-cells.js'
import { workingVms } from './work.js'

/** What a calibration decides of a model. */
export interface MachineCosts {
  readonly host: Host
  readonly costs: Readonly<Record<string, number>>
}

/** Above all that a sender with a processor of its own can send: what the ring does not take is not sent. */
const FULL_SPEED_FPS = 4e6
const MEASURE_MS = 200
/** The same where others take processors: that is rare, and a tail is made of it. For so many frames, within these bounds. */
const LONG_FRAMES = 200_000
const [LEAST_LONG_MS, MOST_LONG_MS] = [1000, 20_000] as const
/** Full speed has many events, and no chance. */
const FULL_SPEED_MS = 60
const WARM_UP_MS = 50
/** Until a controller has settled. */
const SETTLE_MS = 300

/** How long a cell is simulated. */
function measureMsOf({ uses }: Cell, host: Host, traffic: readonly OpenTraffic[]): number {
  if (uses.some(isFullSpeed)) return FULL_SPEED_MS
  if (host.othersPerS === 0) return MEASURE_MS
  const fps = traffic.reduce((sum, { rateFps }) => sum + rateFps, 0)
  return Math.round(Math.min(MOST_LONG_MS, Math.max(LEAST_LONG_MS, (LONG_FRAMES / fps) * 1000)))
}

/** Whether a workload sends as fast as it can: its delays are those of full queues. */
export function isFullSpeed({ settings }: WorkloadPlan): boolean {
  return settings.rateFps === 0
}

function trafficOf({ label, vm, peer, settings }: WorkloadPlan): OpenTraffic[] {
  const all = framesTraffic(settings as FramesSettings, [vm, peer!])
  return all.map(({ rateFps, share, ...traffic }) => ({
    ...OPEN_DEFAULTS,
    ...traffic,
    label: all.length === 1 ? label : `${label} ${traffic.to}`,
    rateFps: rateFps === 0 ? FULL_SPEED_FPS * share : rateFps,
  }))
}

/** Why a cell has no model; undefined: it has one. */
export function whyNoModel(cell: Cell): string | undefined {
  if (!isOnRings(cell)) return 'its switch or its VMs are none that the model has costs for'
  const other = cell.uses.find(({ run }) => run !== 'frames')
  if (other) return `the workload ${other.run} has no model here`
  const working = workingVms(cell)
  const mixed = cell.uses.flatMap(({ settings, vm, peer }) =>
    settings.direction === 'from_vm' && working.includes(vm) && peer !== undefined && !working.includes(peer)
      ? [peer]
      : [],
  )
  return (
    mixed[0] && `a model has one kind of guests: ${mixed[0]} is embedded and receives from one with a kernel`
  )
}

/** The model of a cell that has one. */
export function modelOfCell(cell: Cell, { host, costs }: MachineCosts): Model {
  const { id, bed, uses } = cell
  const traffic = uses.flatMap(trafficOf)
  const working = workingVms(cell)
  const coresOf = (cpu: number | undefined): readonly number[] =>
    cpu === undefined ? [] : [Math.min(cpu, host.cores - 1)]
  const settles = bed.switch.policy === 'adaptive' || bed.switch.policy === 'dim'
  return {
    ...MODEL_DEFAULTS,
    ...{ name: id, host, costs, policy: policyOf(bed.switch), budget: bed.switch.budget ?? BUDGET_DEFAULT },
    driverCore: coresOf(bed.switch.cpu)[0] ?? 0,
    nics: [],
    vms: bed.vms.map(({ name, targetUs, weight, cpu }) => ({
      ...VM_DEFAULTS,
      ...{ name, targetUs: targetUs ?? VIF_DEFAULTS.targetUs, weight: weight ?? VIF_DEFAULTS.weight },
      cores: coresOf(cpu),
      // A generator gives up what is later than a ring of frames.
      queueFrames: VM_DEFAULTS.ringFrames,
      spinUs: working.includes(name) ? 0 : GENERATOR_SPIN_US,
    })),
    traffic,
    measureMs: measureMsOf(cell, host, traffic),
    warmUpMs: settles ? SETTLE_MS : WARM_UP_MS,
  }
}
