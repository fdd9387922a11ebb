/** Costs of this machine from a run of the lab: fitted to two thirds of its cells, with what is needed to judge them. */
import { RingferryError } from '../../errors/errors.js'
import type { VmKind } from '../../lab/bed/bed.js'
import type { Measurement } from '../../lab/record/record.js'
import { HOST_DEFAULTS, type Host } from '../../sim/model.js'
import { median } from '../../stats/summary.js'
import { whyNoModel } from './cell-model.js'
import { type CostFit, fitCosts } from './cost-fit.js'
import { fitOthers, type OthersFit } from './others-fit.js'
import { type Ranges, rangesOf } from './ranges.js'
import { type CalibrationRun, heldOutOf, isOnRings, type MeasuredCell } from './run-cells.js'
import { fitWakeDelay, type WakeDelay } from './wake-delay.js'
import { ENGINE_STEPS, engineRow, GUEST_STEPS, guestRows } from './work.js'

export interface Calibration {
  readonly run: string
  /** As "AMD EPYC 7B13, 2 processors, kernel 6.1.0". */
  readonly machine: string
  readonly guests: VmKind
  readonly cores: number
  readonly ghz: number
  readonly engine: CostFit
  readonly guest: CostFit
  /** Undefined: no cell tells; then the default. */
  readonly wake: WakeDelay | undefined
  /** Threads that nobody named; undefined: none are seen. */
  readonly others: OthersFit | undefined
  readonly fitted: readonly string[]
  readonly heldOut: readonly string[]
  /** Rounds before which the machine was not quiet, of those that were used: none of their cells has a quiet one. */
  readonly noisy: number
  readonly rounds: number
  /** Of all cells: outside of them nothing was measured. */
  readonly ranges: Ranges
}

/** Rows that a fit of so many steps rests on, at least. */
const LEAST_CELLS = 9

/** Steps whose cost is part of another's: they come together, and from outside nobody can tell them apart. */
export const INCLUDED = ['virtual NIC', 'domain switch'] as const

/** Of the whole measurement, in GHz; the model's own where nobody knows. */
function ghzOf(measurements: readonly Measurement[]): number {
  const known = measurements.flatMap(({ noise }) => (noise.mhz === null ? [] : [noise.mhz / 1000]))
  return known.length === 0 ? HOST_DEFAULTS.ghz : Math.round(median(known) * 1000) / 1000
}

/** The kind of guests whose stack is calibrated: what was asked for, else that of most cells. */
function guestsOf(cells: readonly MeasuredCell[], wanted: VmKind | undefined, folder: string): VmKind {
  const kinds = cells.map(({ cell }) => cell.bed.vms[0]!.kind)
  const all = [...new Set(kinds)]
  if (wanted !== undefined && !all.includes(wanted))
    throw new RingferryError(
      'USAGE',
      `--guests: ${folder} has no cells of ${wanted}; it has ${all.join(', ')}`,
    )
  const count = (kind: VmKind): number => kinds.filter((each) => each === kind).length
  return wanted ?? all.sort((a, b) => count(b) - count(a))[0]!
}

/**
 * Calibrates by a run. Throws USAGE for one that lacks what a fit needs.
 * @param wanted kind of guests whose stack is calibrated; most cells' when left out
 */
export function calibrate(run: CalibrationRun, plane: WebAssembly.Module, wanted?: VmKind): Calibration {
  const { folder, header } = run
  const usable = run.cells.filter(({ cell, measurements }) => isOnRings(cell) && measurements.some(engineRow))
  if (usable.length < LEAST_CELLS)
    throw new RingferryError(
      'USAGE',
      `${folder}: ${usable.length} of its cells tell what the switch did with its time; a calibration takes ${LEAST_CELLS} at least, as "ringferry lab run calibration" measures them`,
    )
  const guests = guestsOf(usable, wanted, folder)
  const cells = usable.filter(({ cell }) => cell.bed.vms[0]!.kind === guests)
  // What has no model cannot be predicted: all of it is fitted to.
  const heldOut = heldOutOf(cells.flatMap(({ cell }) => (whyNoModel(cell) === undefined ? [cell.id] : [])))
  const fitted = cells.filter(({ cell }) => !heldOut.includes(cell.id))
  const measurements = fitted.flatMap((each) => each.measurements)
  const engine = fitCosts(
    measurements.flatMap((each) => engineRow(each) ?? []),
    ENGINE_STEPS,
  )
  const guest = fitCosts(
    fitted.flatMap(({ cell, measurements }) => measurements.flatMap((each) => guestRows(each, cell))),
    GUEST_STEPS,
  )
  const cores = Number(header.machine.cores ?? HOST_DEFAULTS.cores)
  const ghz = ghzOf(measurements)
  const known = {
    ...{ run: header.run, guests, cores, ghz, engine, guest, heldOut },
    machine: `${header.machine.cpuModel ?? 'unknown processor'}, ${cores} processors, kernel ${header.machine.kernel ?? 'unknown'}`,
    fitted: fitted.map(({ cell }) => cell.id),
    noisy: measurements.filter(({ noise }) => noise.verdict !== 'quiet').length,
    rounds: measurements.length,
    ranges: rangesOf(cells),
  }
  const host = { ...HOST_DEFAULTS, cores, ghz }
  const costs = costsOf({ ...known, wake: undefined, others: undefined })
  return { ...known, wake: fitWakeDelay(fitted, { host, costs }, plane), others: fitOthers(fitted) }
}

/** The host of a calibration, with the model's own values where no cell tells. */
export function hostOf({ cores, ghz, wake, others }: Calibration): Host {
  const digits = (value: number): number => Number(value.toPrecision(4))
  return {
    ...HOST_DEFAULTS,
    ...{ cores, ghz, wakeUs: digits(wake?.estimate ?? HOST_DEFAULTS.wakeUs) },
    ...(others ? { othersPerS: digits(others.perS.estimate), othersUs: digits(others.meanUs.estimate) } : {}),
  }
}

/** A cost in a model's cycles. */
export const cyclesOf = (ns: number, ghz: number): number => Number((ns * ghz).toPrecision(4))

/** The costs of a model, in cycles: what was fitted, what is part of it, and what is assumed to cost the same. */
export function costsOf({ engine, guest, ghz }: Calibration): Record<string, number> {
  const fitted = new Map(
    [...engine.costs, ...guest.costs].map(({ step, estimate }) => [step, cyclesOf(estimate, ghz)]),
  )
  const like = (step: string, other: string): [string, number][] =>
    fitted.has(step) || !fitted.has(other) ? [] : [[step, fitted.get(other)!]]
  return Object.fromEntries([
    ...fitted,
    ...INCLUDED.map((step): [string, number] => [step, 0]),
    // A guest's notification is the switch's: a write to an eventfd.
    ...like('kick', 'call'),
    ...like('stack transmit', 'stack receive'),
    ...like('copy from the program', 'copy to the program'),
  ])
}
