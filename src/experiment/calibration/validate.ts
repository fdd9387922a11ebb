/** Prediction against measurement, on cells that no cost was fitted to. */

import { merge, newCounts } from '../../core/histogram.js'
import type { VmKind } from '../../lab/bed/bed.js'
import type { Factors, Measurement } from '../../lab/record/record.js'
import type { Results } from '../../sim/results.js'
import { type Interval, meanInterval } from '../../stats/interval.js'
import { mean, median } from '../../stats/summary.js'
import { replicate } from '../replicate.js'
import { isFullSpeed, type MachineCosts, modelOfCell, whyNoModel } from './cell-model.js'
import { ksDistance } from './ks.js'
import type { CalibrationRun, MeasuredCell } from './run-cells.js'
import { countsOf, receiverKinds, workingVms } from './work.js'

/** What is compared. `aim`: the error that is aimed at, as a part. */
export const COMPARED = {
  fps: { label: 'throughput', unit: 'frames/s', aim: 0.1 },
  p50Us: { label: 'median delay', unit: 'us' },
  p99Us: { label: 'p99 delay', unit: 'us', aim: 0.2 },
  totalP99Us: { label: 'p99 in the switch', unit: 'us' },
  driverWorkCpu: { label: 'processor use of the switch, without spinning', unit: 'cores' },
  receiverCpu: { label: 'processor use of receivers', unit: 'cores' },
  callsPerFrame: { label: 'calls a frame', unit: '1/frame' },
  batchFrames: { label: 'frames a publication', unit: 'frames' },
} as const satisfies Readonly<Record<string, { label: string; unit: string; aim?: number }>>
export type ComparedName = keyof typeof COMPARED
export const COMPARED_NAMES = Object.keys(COMPARED) as readonly ComparedName[]

/** Where delays are those of full queues, or lost frames are part of them, they are not compared. */
const LOSS = 0.005
/** Calls a frame below which a ratio of two of them says nothing. */
const LEAST_CALLS = 0.01
const REPLICATIONS = 3
const RULES = { min: REPLICATIONS, max: REPLICATIONS, halfWidth: 0, of: 'fps' } as const

export interface Comparison {
  readonly measured: Interval
  readonly predicted: Interval
  /** predicted / measured - 1. */
  readonly error: number
}

export interface ValidatedCell {
  readonly cell: string
  readonly factors: Factors
  readonly compared: Readonly<Partial<Record<ComparedName, Comparison>>>
  /** Between the delays from program to program; undefined where delays are not compared. */
  readonly ksDistance: number | undefined
}

export interface Validation {
  readonly run: string
  /** Kinds of the VMs that received, in cells that are predicted. */
  readonly guests: readonly VmKind[]
  readonly cells: readonly ValidatedCell[]
  /** Cells that there is no model of. */
  readonly left: readonly { readonly cell: string; readonly why: string }[]
  /** Measurements before which the machine was not quiet, of all. */
  readonly noisy: number
  readonly measurements: number
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

/** What a measurement says, by the names of COMPARED; NaN: nothing. */
function measuredOf(
  measurement: Measurement,
  { cell }: MeasuredCell,
  hasDelays: boolean,
): Record<ComparedName, number> {
  const { workloads, metrics, cpu } = measurement
  const own = workloads[0]?.metrics ?? {}
  const delay = (value: number | undefined): number => (hasDelays ? (value ?? Number.NaN) : Number.NaN)
  const working = workingVms(cell)
  const counts = working.map((vm) => countsOf(measurement, vm))
  const calls = sum(counts.map((count) => count('calls'))) / sum(counts.map((count) => count('toVmFrames')))
  return {
    fps: sum(workloads.map((each) => each.metrics.fps ?? 0)),
    ...{ p50Us: delay(own.p50Us), p99Us: delay(own.p99Us), totalP99Us: delay(metrics.totalP99Us) },
    driverWorkCpu: metrics.driverWorkCpu ?? Number.NaN,
    receiverCpu: sum(working.map((vm) => cpu.guests[vm] ?? 0)) / cpu.seconds,
    callsPerFrame: calls >= LEAST_CALLS ? calls : Number.NaN,
    batchFrames: metrics.batchFrames ?? Number.NaN,
  }
}

/** The same of a simulated run. */
function predictedOf(run: Results, { cell }: MeasuredCell): Record<ComparedName, number> {
  const working = workingVms(cell)
  const vms = run.vms.filter(({ name }) => working.includes(name))
  const measured = run.vms.find(({ name }) => name === cell.uses[0]!.vm) ?? vms[0]!
  // Of frames that came: those of which a generator gave up are none that the lab counts as offered.
  const { p50Us, p99Us } = run.traffic[0]!.delay
  return {
    ...{ fps: run.fps, p50Us, p99Us, driverWorkCpu: run.driverCpu },
    totalP99Us: (working.includes(measured.name) ? measured : vms[0]!).totalP99Us,
    receiverCpu: sum(vms.map(({ cpu }) => cpu)),
    callsPerFrame:
      sum(vms.map(({ calls }) => calls)) / run.measuredS / sum(vms.map(({ toVmFps }) => toVmFps)),
    batchFrames: mean(vms.map(({ batchFrames }) => batchFrames).filter(Number.isFinite)),
  }
}

/** The measured percentiles: of each percent the median over rounds. */
function percentilesOf(measurements: readonly Measurement[]): (readonly [number, number])[] {
  const curves = measurements.flatMap(({ workloads }) => workloads[0]?.series?.percentiles ?? [])
  const percents = [...new Set(curves.map(([percent]) => percent))].sort((a, b) => a - b)
  return percents.map((percent) => [
    percent,
    median(curves.filter(([each]) => each === percent).map(([, us]) => us)),
  ])
}

/** Delays have long tails: of them the median over runs and their range, else the mean and its 95 % interval. */
function interval(name: ComparedName, values: readonly number[]): Interval | undefined {
  const known = values.filter(Number.isFinite)
  if (known.length === 0) return undefined
  if (COMPARED[name].unit === 'us')
    return { estimate: median(known), low: Math.min(...known), high: Math.max(...known) }
  const { estimate, low, high } = meanInterval(known)
  return known.length === 1
    ? { estimate, low: estimate, high: estimate }
    : { estimate, low: Math.max(0, low), high }
}

function validateCell(
  measured: MeasuredCell,
  machine: MachineCosts,
  { seed, plane }: { readonly seed: number; readonly plane: WebAssembly.Module },
): ValidatedCell {
  const { cell, measurements } = measured
  const hasDelays =
    !cell.uses.some(isFullSpeed) &&
    measurements.every(({ workloads }) => (workloads[0]?.metrics.lossRatio ?? 0) < LOSS)
  const { runs } = replicate(modelOfCell(cell, machine), { rules: RULES, seed, plane, warmUp: 'given' })
  const seen = measurements.map((each) => measuredOf(each, measured, hasDelays))
  const said = runs.map((each) => predictedOf(each, measured))
  const compared = COMPARED_NAMES.flatMap((name): [ComparedName, Comparison][] => {
    const [was, is] = [seen, said].map((runs) =>
      interval(
        name,
        runs.map((each) => each[name]),
      ),
    )
    if (!was || !is || was.estimate <= 0) return []
    return [[name, { measured: was, predicted: is, error: is.estimate / was.estimate - 1 }]]
  })
  const counts = newCounts()
  for (const { traffic } of runs) merge(counts, traffic[0]!.delays)
  const percentiles = percentilesOf(measurements)
  return {
    ...{ cell: cell.id, factors: cell.factors, compared: Object.fromEntries(compared) },
    ksDistance: hasDelays && percentiles.length > 0 ? ksDistance(percentiles, counts) : undefined,
  }
}

/**
 * Predicts the cells of a run.
 * @param which names of cells; @param onCell told before each is simulated
 */
export function validate(
  run: CalibrationRun,
  machine: MachineCosts,
  options: {
    readonly seed: number
    readonly plane: WebAssembly.Module
    readonly which: (cell: string) => boolean
    readonly onCell?: (cell: string) => void
  },
): Validation {
  const cells = run.cells.filter(({ cell }) => options.which(cell.id))
  const left = cells.flatMap(({ cell }) => {
    const why = whyNoModel(cell)
    return why === undefined ? [] : [{ cell: cell.id, why }]
  })
  const kept = cells.filter(({ cell }) => whyNoModel(cell) === undefined)
  const rounds = kept.flatMap(({ measurements }) => measurements)
  return {
    run: run.header.run,
    guests: [...new Set(kept.flatMap(({ cell }) => receiverKinds(cell)))],
    cells: kept.map((each) => {
      options.onCell?.(each.cell.id)
      return validateCell(each, machine, options)
    }),
    left,
    noisy: rounds.filter(({ noise }) => noise.verdict !== 'quiet').length,
    measurements: rounds.length,
  }
}
