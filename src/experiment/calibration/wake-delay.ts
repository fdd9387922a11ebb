/**
 * How long after it was woken a thread runs: no clock shows it, but delays do. Cells with light load are simulated with several
 * values of it; the value is taken with which the simulated medians lie nearest to the measured ones.
 */
import type { Measurement } from '../../lab/record/record.js'
import { runModel } from '../../sim/run.js'
import type { Interval } from '../../stats/interval.js'
import { median } from '../../stats/summary.js'
import { type MachineCosts, modelOfCell } from './cell-model.js'
import { type Curve, fitCurves } from './fit-curves.js'
import type { MeasuredCell } from './run-cells.js'
import { isLight } from './work.js'

/** Microseconds that are simulated; between them the median is linear. */
const TRIED_US = [0, 2, 5, 10, 20, 40, 80, 160]
/** Loss above which a median says little. */
const LOSS = 0.01
const SEED = 1
const MEASURE_MS = 60

/** The medians of a cell's workload. */
const mediansOf = (measurements: readonly Measurement[]): number[] =>
  measurements.flatMap(({ workloads }) => workloads[0]?.metrics.p50Us ?? [])

/** Whether medians of a cell tell of wake-ups: one light load, nothing held back by decision. */
export function tellsOfWakes({ cell, measurements }: MeasuredCell): boolean {
  const { policy } = cell.bed.switch
  return (
    (policy === 'natural' || policy === 'per-packet') &&
    cell.uses.length === 1 &&
    cell.uses[0]!.settings.rateFps !== 0 &&
    cell.uses[0]!.settings.arrivals !== 'burst' &&
    isLight({ cell, measurements }) &&
    measurements.every(({ workloads }) => (workloads[0]!.metrics.lossRatio ?? 0) < LOSS)
  )
}

export interface WakeDelay extends Interval {
  readonly cells: number
}

/** Undefined: no cell tells. Error bars by drawing cells again. */
export function fitWakeDelay(
  all: readonly MeasuredCell[],
  machine: MachineCosts,
  plane: WebAssembly.Module,
): WakeDelay | undefined {
  const curves = all.filter(tellsOfWakes).flatMap(({ cell, measurements }): Curve[] => {
    const measured = mediansOf(measurements)
    if (measured.length === 0) return []
    const simulated = TRIED_US.map((wakeUs) => {
      const model = modelOfCell(cell, { ...machine, host: { ...machine.host, wakeUs } })
      const { traffic } = runModel({ ...model, measureMs: MEASURE_MS }, { seed: SEED, plane })
      return traffic[0]!.delay.p50Us
    })
    return [{ simulated, measured: median(measured) }]
  })
  return curves.length === 0 ? undefined : { ...fitCurves(TRIED_US, curves), cells: curves.length }
}
