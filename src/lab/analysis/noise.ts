/** How noisy a run was: what an A/A pair says, and cells that began on a busy machine. */

import { measuredValue } from '../run/value.js'
import type { Value } from '../study/study.js'
import { type Estimate, leavesOut, ratioOf } from './estimate.js'
import { cellSummary, type RunCell, type RunData, summariseBy } from './run-cells.js'

export interface TwinResult {
  readonly cell: string
  readonly value: Value
  /** Second over first of the pairs: 1 without noise. */
  readonly ratio: Estimate
  /** Share by which equal measurements may differ; smaller effects are hidden. Absent for a single pair. */
  readonly floor?: number
  /** The interval leaves out 1: order or time of measuring makes a difference, which should not be. */
  readonly biased: boolean
}

/** The A/A result of a cell for a value; undefined without a pair. */
export function twinResult(cell: RunCell, value: Value): TwinResult | undefined {
  const first = cellSummary(cell, value)
  const second = summariseBy(cell.twins, (measurement) => measuredValue(measurement, value))
  const shared = first?.rounds.some(({ round }) => second?.rounds.some((other) => other.round === round))
  const ratio = first && second && shared ? ratioOf(second, first, true) : undefined
  if (!ratio) return undefined
  const { low, high } = ratio
  const bounds = low !== undefined && high !== undefined
  return {
    cell: cell.id,
    value,
    ratio,
    ...(bounds ? { floor: Math.max(Math.abs(1 - low), Math.abs(high - 1)) } : {}),
    biased: leavesOut(ratio, 1),
  }
}

export interface MarkedCell {
  readonly cell: string
  readonly round: number
  readonly reasons: readonly string[]
}

/** Measurements that began on a machine that was not quiet. */
export function markedCells({ cells }: RunData): MarkedCell[] {
  return cells.flatMap(({ id, measurements, twins }) =>
    [...measurements, ...twins]
      .filter(({ noise }) => noise.verdict === 'marked')
      .map(({ round, noise }) => ({ cell: id, round, reasons: noise.reasons })),
  )
}
