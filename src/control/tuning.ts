import type { PolicyConfig } from '../aggregation/create.js'
import type { HoldLimits } from '../aggregation/hold-limits.js'
import {
  type EngineFigures,
  explain,
  type Verdict,
  type VifDecision,
  type VifFigures,
} from '../aggregation/policy.js'
import { EngineSigns } from '../core/globals.js'
import { readPublication } from '../core/publication.js'
import { RingferryError } from '../errors/errors.js'
import type { LoggedRow, TuningReader } from './tuning-reader.js'
import type { TuningSettings } from './tuning-settings.js'

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

/** The same of a switch, which has threads beside its engine. */
export interface SwitchTuneChange extends TuneChange {
  /** Share of the processors' time that may be burnt to keep them awake (0 to 1); 0: never. */
  readonly awake?: number
}

/** A vif under the policy: its row, and where its hold limits go. */
export interface ControlledVif {
  readonly index: number
  readonly name: string
  setHoldLimits(limits: HoldLimits): void
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
  /** What was decided last, with the figures that it rests on; null before. */
  readonly decision: { readonly verdict: Verdict; readonly figures: VifFigures } | null
  /** Why the limits are what they are; empty before the first decision. */
  readonly why: string
}

/** A past decision in words. */
export interface TuneDecision {
  readonly atUs: number
  readonly applied: boolean
  readonly figures: EngineFigures
  readonly vifs: readonly { readonly name: string; readonly why: string }[]
}

/** The tuning of an engine: its settings, and what the controller last decided by them. */
export interface TuneState {
  readonly policy: PolicyConfig
  readonly budget: number
  readonly dryRun: boolean
  /** How long the engine sleeps without asking guests for kicks, in microseconds. */
  readonly restUs: number
  /** The longest spin of the engine, and what a wake-up was found to cost; null: not known. In microseconds. */
  readonly spinUs: number
  readonly wakeUs: number | null
  /** Figures of the last decision for the whole engine: theta, use, budget, costs. */
  readonly figures: EngineFigures
  readonly vifs: readonly VifTuning[]
  /** The last decisions, oldest first. */
  readonly decisions: readonly TuneDecision[]
}

const known = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value

function tuningOf(
  memory: BigUint64Array,
  { row, targetUs, weight, p99 }: LoggedRow,
  name: string,
  last?: VifDecision,
): VifTuning {
  const [holdUs, queueUs, totalUs] = p99
  const { limits, reasons, servedUs } = readPublication(memory, row)
  return {
    name,
    targetUs,
    weight,
    limits,
    rateFps: known(last?.figures.rateFps),
    delayUs: known(last?.figures.delayUs),
    p99: { holdUs: known(holdUs), queueUs: known(queueUs), totalUs: known(totalUs) },
    published: reasons,
    servedUs,
    decision: last ? { verdict: last.verdict, figures: last.figures } : null,
    why: last ? explain(last) : '',
  }
}

/**
 * The tuning as it is now, in words. For the control side: the engine is not asked.
 * @param memory the engine's linear memory; @param log its controller's
 * @param nameOf the name of the port in a row
 */
export function readTuning(
  memory: BigUint64Array,
  log: TuningReader,
  nameOf: (row: number) => string | undefined,
): TuneState {
  const { rows, decisions, ...rest } = log.read()
  const last = decisions.at(-1)
  const vifs = rows.flatMap((row) => {
    const name = nameOf(row.row)
    const decided = last?.vifs.find(({ vif }) => vif === row.row)
    return name === undefined ? [] : [tuningOf(memory, row, name, decided)]
  })
  const signs = new EngineSigns(memory.buffer as unknown as SharedArrayBuffer)
  return {
    ...rest,
    spinUs: signs.spinUs,
    wakeUs: known(signs.wakeUs),
    figures: last?.figures ?? {},
    vifs,
    decisions: decisions.map(({ atUs, applied, figures, vifs: decided }) => ({
      atUs,
      applied,
      figures,
      vifs: decided.map((each) => ({ name: nameOf(each.vif) ?? '', why: explain(each) })),
    })),
  }
}

function positive(value: number | undefined, what: string): void {
  if (value !== undefined && !(value > 0 && Number.isFinite(value)))
    throw new RingferryError('USAGE', `${what} ${value}: must be a number above 0`)
}

/** Throws USAGE where a share for keeping awake is none. */
export function checkAwake(share: number): void {
  if (!(share >= 0 && share <= 1))
    throw new RingferryError('USAGE', `awake ${share}: must be a share from 0 to 1`)
}

/** Carries out a change of the settings. Throws NOT_FOUND for an unknown vif, USAGE for a figure out of range; nothing is changed then. */
export function changeTuning(
  settings: TuningSettings,
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
  settings.configure(change)
  if (vif)
    settings.setTarget(vif.index, {
      ...(targetUs === undefined ? {} : { targetUs }),
      ...(weight === undefined ? {} : { weight }),
    })
}
