/** A cell of a study with everything decided: what is built, what runs, for how long. */
import { createHash } from 'node:crypto'
import type { BedSpec, VmKind } from '../bed/bed.js'
import type { Factors, FactorValue } from '../record/record.js'
import type { Study, Value } from './study.js'

export interface WorkloadPlan {
  readonly label: string
  /** Name in the list of workloads. */
  readonly run: string
  readonly vm: string
  readonly peer?: string
  /** Checked by the workload's schema, with its defaults. */
  readonly settings: Readonly<Record<string, unknown>>
}

export interface Cell {
  /** cellName(factors): unique in the study. */
  readonly id: string
  readonly factors: Factors
  readonly bed: BedSpec
  readonly uses: readonly WorkloadPlan[]
  readonly window: { readonly warmUpS: number; readonly measureS: number }
  /** Measured windows that it takes: more than one for workloads that search. */
  readonly windows: number
  /** Measured twice in each round, as if it were two. */
  readonly aa: boolean
  /** Why no machine can measure it with this kind of guests: it is recorded as a failure and not tried. */
  readonly impossible?: string
}

export interface StudyPlan {
  /** As it runs: with chosen loads put in. */
  readonly study: Study
  readonly guests: VmKind
  readonly quick: boolean
  readonly cells: readonly Cell[]
  readonly rounds: { readonly min: number; readonly max: number; readonly halfWidth: number }
  readonly primary: Value
}

/** Whether a cell has all these factors with these values; texts and numbers that look alike are alike. */
export function hasFactors(factors: Factors, wanted: Readonly<Record<string, FactorValue>>): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => factors[name] !== undefined && String(factors[name]) === String(value),
  )
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item)]),
  )
}

/** JSON with sorted keys: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value))
}

/** SHA-256 over a study and the options that change what its cells measure. */
export function studyHash(plan: Pick<StudyPlan, 'study' | 'guests' | 'quick'>): string {
  const { study, guests, quick } = plan
  return createHash('sha256').update(canonicalJson({ study, guests, quick })).digest('hex')
}
