import type { PolicyConfig } from '../aggregation/create.js'
import { type HoldLimits, REASON_NAMES } from '../aggregation/hold.js'
import { explain, type VifDecision } from '../aggregation/policy.js'
import { P_REASONS, P_SERVICE_US } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import type { ControlledVif, Controller } from './controller.js'

/** A change of the tuning; what is left out stays. */
export interface TuneChange {
  readonly policy?: PolicyConfig
  /** Share of its core that the engine may use (0 to 1). */
  readonly budget?: number
  /** Decide and keep the decisions, but leave the limits as they are. */
  readonly dryRun?: boolean
  /** The vif that target and weight are for. */
  readonly vif?: string
  /** p99 of the time from arrival to publication, in microseconds. */
  readonly targetUs?: number
  readonly weight?: number
}

/** The tuning of one vif as it is now. Times in microseconds. */
export interface VifTuning {
  readonly name: string
  readonly targetUs: number
  readonly weight: number
  readonly limits: HoldLimits
  /** Frames per second toward the vif and its delay by decision, rest and hold together, at the last decision; null before. */
  readonly rateFps: number | null
  readonly delayUs: number | null
  /** Over about the last 50 ms; null without frames. */
  readonly p99: {
    readonly holdUs: number | null
    readonly queueUs: number | null
    readonly totalUs: number | null
  }
  /** Publications so far, by reason. */
  readonly published: Readonly<Record<string, number>>
  /** Engine time used for what the guest transmits, in microseconds. */
  readonly servedUs: number
  /** Why the limits are what they are; empty before the first decision. */
  readonly why: string
}

/** A past decision in words. */
export interface TuneDecision {
  readonly atUs: number
  readonly applied: boolean
  readonly figures: Readonly<Record<string, number>>
  readonly vifs: readonly { readonly name: string; readonly why: string }[]
}

export interface TuneState {
  readonly policy: PolicyConfig
  readonly budget: number
  readonly dryRun: boolean
  /** How long the engine sleeps without asking guests for kicks, in microseconds. */
  readonly restUs: number
  /** Figures of the last decision for the whole engine: theta, use, budget, costs. */
  readonly figures: Readonly<Record<string, number>>
  readonly vifs: readonly VifTuning[]
  /** The last decisions, oldest first. */
  readonly decisions: readonly TuneDecision[]
}

const known = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value

function tuningOf(
  memory: LinearMemory,
  controller: Controller,
  vif: ControlledVif,
  last?: VifDecision,
): VifTuning {
  const row = new PortRow(memory, vif.index)
  const [holdUs, queueUs, totalUs] = controller.p99(vif.index)
  const published: Record<string, number> = {}
  for (const [code, name] of REASON_NAMES.entries()) {
    const count = Number(row.getU64(P_REASONS + code * 8))
    if (count > 0) published[name] = count
  }
  return {
    name: vif.name,
    ...controller.target(vif.index),
    limits: row.holdLimits,
    rateFps: known(last?.figures.rateFps),
    delayUs: known(last?.figures.delayUs),
    p99: { holdUs: known(holdUs), queueUs: known(queueUs), totalUs: known(totalUs) },
    published,
    servedUs: row.getF64(P_SERVICE_US),
    why: last ? explain(last) : '',
  }
}

/** The tuning as it is now. */
export function readTuning(
  memory: LinearMemory,
  controller: Controller,
  vifs: readonly ControlledVif[],
): TuneState {
  const last = controller.decisions.at(-1)
  const names = new Map(vifs.map((vif) => [vif.index, vif.name]))
  return {
    policy: controller.policy,
    budget: controller.budget,
    dryRun: controller.dryRun,
    restUs: controller.restUs,
    figures: last?.figures ?? {},
    vifs: vifs.map((vif) =>
      tuningOf(
        memory,
        controller,
        vif,
        last?.vifs.find((decision) => decision.vif === vif.index),
      ),
    ),
    decisions: controller.decisions.map(({ atUs, applied, figures, vifs: decided }) => ({
      atUs,
      applied,
      figures,
      vifs: decided.map((decision) => ({ name: names.get(decision.vif) ?? '', why: explain(decision) })),
    })),
  }
}

function positive(value: number | undefined, what: string): void {
  if (value !== undefined && !(value > 0 && Number.isFinite(value)))
    throw new RingferryError('USAGE', `${what} ${value}: must be a number above 0`)
}

/** Carries out a change. Throws NOT_FOUND for an unknown vif, USAGE for a figure out of range; nothing is changed then. */
export function changeTuning(
  controller: Controller,
  vifs: readonly ControlledVif[],
  change: TuneChange,
): void {
  const { vif: name, targetUs, weight, budget } = change
  positive(targetUs, 'target')
  positive(weight, 'weight')
  if (budget !== undefined && !(budget > 0 && budget <= 1))
    throw new RingferryError('USAGE', `budget ${budget}: must be above 0 and at most 1`)
  const vif = vifs.find((each) => each.name === name)
  if (name !== undefined && !vif)
    throw new RingferryError('NOT_FOUND', `vif ${name}: no vif of this name is under the policy`)
  if ((targetUs !== undefined || weight !== undefined) && !vif)
    throw new RingferryError('USAGE', 'target and weight belong to a vif; name it')
  controller.configure(change)
  if (vif)
    controller.setTarget(vif.index, {
      ...(targetUs === undefined ? {} : { targetUs }),
      ...(weight === undefined ? {} : { weight }),
    })
}
