/** What a run has so far, and what it still needs: pure, from its records and the plan. */
import { meanInterval } from '../../stats/interval.js'
import type { MetricName } from '../record/metrics.js'
import type { Failure, LabRecord, Measurement } from '../record/record.js'
import type { Cell, StudyPlan } from '../study/cell.js'
import type { Value } from '../study/study.js'
import { measuredValue } from './value.js'

const key = (cell: string, round: number, twin: boolean): string => `${round}${twin ? 't' : ''} ${cell}`

/** The value that a stop rule takes from a measurement; undefined: it has none. */
export type PickValue = (measurement: Measurement) => number | undefined

/** The main metric of a workload, by its name. */
export type MainMetric = (workload: string) => MetricName | undefined

/** What a study watches in a measurement: its own value, or else the main value of the first workload. */
export function watchedValue(plan: StudyPlan, measurement: Measurement, primaryOf: MainMetric): Value {
  const [first] = measurement.workloads
  if (measuredValue(measurement, plan.primary) !== undefined || first === undefined) return plan.primary
  const metric = primaryOf(first.workload)
  return metric === undefined ? plan.primary : { metric, of: first.label }
}

/** The number of watchedValue. */
export function pickPrimary(plan: StudyPlan, primaryOf: MainMetric): PickValue {
  return (measurement) => measuredValue(measurement, watchedValue(plan, measurement, primaryOf))
}

/** Whether half the 95 % interval of the mean is at most a share of it. */
export function preciseEnough(values: readonly number[], halfWidth: number): boolean {
  const { estimate, high } = meanInterval(values)
  return high - estimate <= halfWidth * Math.abs(estimate)
}

export class RunHistory {
  readonly #measured = new Map<string, Measurement>()
  readonly #impossible = new Map<string, string>()
  readonly #lastFailure = new Map<string, Failure>()
  readonly #seconds = new Map<string, number[]>()

  /** @param before records of earlier sessions */
  constructor(before: readonly LabRecord[] = []) {
    for (const record of before) this.add(record)
  }

  add(record: LabRecord): void {
    if (record.type === 'measurement') {
      const { cell, round, twin = false, tookS } = record
      this.#measured.set(key(cell, round, twin), record)
      this.#seconds.set(cell, [...(this.#seconds.get(cell) ?? []), tookS])
    } else if (record.type === 'failure') {
      this.#lastFailure.set(record.cell, record)
      if (record.impossible) this.#impossible.set(record.cell, record.reason)
    }
  }

  has(cell: string, round: number, twin: boolean): boolean {
    return this.#measured.has(key(cell, round, twin))
  }

  impossible(cell: string): boolean {
    return this.#impossible.has(cell)
  }

  /** Why a cell could not be measured the last time, if it ever could not. */
  lastFailure(cell: string): Failure | undefined {
    return this.#lastFailure.get(cell)
  }

  /** Seconds that each measurement of a cell took. */
  seconds(cell: string): readonly number[] {
    return this.#seconds.get(cell) ?? []
  }

  /** Measurements of a cell before a round, twins left out. */
  before(cell: string, round: number): Measurement[] {
    return Array.from({ length: round }, (_, at) => this.#measured.get(key(cell, at, false))).filter(
      (measurement) => measurement !== undefined,
    )
  }

  /** Whether a cell is measured (again) in a round. The answer depends only on the rounds before it. */
  wants(cell: Cell, round: number, rounds: StudyPlan['rounds'], pick: PickValue): boolean {
    if (round >= rounds.max || this.#impossible.has(cell.id)) return false
    if (round < rounds.min) return true
    const values = this.before(cell.id, round).flatMap((measurement) => pick(measurement) ?? [])
    return values.length > 0 && !preciseEnough(values, rounds.halfWidth)
  }
}

/** Cells that were planned and have no measurement, or fewer than asked for, with the reason. */
export interface Missing {
  readonly cell: string
  readonly have: number
  readonly reason: string
}

/** What a run does not have, for people. */
export function missingCells(plan: StudyPlan, history: RunHistory): Missing[] {
  return plan.cells.flatMap((cell) => {
    const have = history.before(cell.id, plan.rounds.max).length
    if (have >= plan.rounds.min) return []
    return [{ cell: cell.id, have, reason: history.lastFailure(cell.id)?.reason ?? 'not measured yet' }]
  })
}
