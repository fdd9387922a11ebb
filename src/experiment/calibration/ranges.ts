/** What a calibration has seen: outside of it a model says what nobody has measured. */
import type { MeasuredCell } from './run-cells.js'

type Range = readonly [number, number]

export interface Ranges {
  readonly vms: Range
  /** Of all VMs together, as carried. */
  readonly rateFps: Range
  readonly frameBytes: Range
  readonly policies: readonly string[]
}

/** From the least to the largest of some values. */
function range(values: readonly number[]): Range {
  return [Math.min(...values), Math.max(...values)]
}

/** @param cells at least one, measured */
export function rangesOf(cells: readonly MeasuredCell[]): Ranges {
  const carried = cells.flatMap(({ measurements }) =>
    measurements.map(({ workloads }) => workloads.reduce((sum, { metrics }) => sum + (metrics.fps ?? 0), 0)),
  )
  const sizes = cells.flatMap(({ measurements }) =>
    measurements.flatMap(({ metrics }) => metrics.meanFrameBytes ?? []),
  )
  return {
    vms: range(cells.map(({ cell }) => cell.bed.vms.length)),
    rateFps: range(carried).map(Math.round) as unknown as Range,
    frameBytes: range(sizes).map(Math.round) as unknown as Range,
    policies: [...new Set(cells.map(({ cell }) => cell.bed.switch.policy))].sort(),
  }
}
