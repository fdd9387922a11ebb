/** A calibration as a model file: costs and host as found, and the first of its loads to start from. */
import { Document, isScalar } from 'yaml'
import { BUDGET_DEFAULT } from '../../control/defaults.js'
import { policyOf } from '../../lab/bed/ringferry.js'
import type { Cell } from '../../lab/study/cell.js'
import { HOST_DEFAULTS } from '../../sim/model.js'
import type { Interval } from '../../stats/interval.js'
import { type Calibration, costsOf, hostOf, INCLUDED } from './calibrate.js'
import { isFullSpeed, modelOfCell, whyNoModel } from './cell-model.js'
import { entangled } from './cost-fit.js'
import { guestSentence, notTold } from './guest-words.js'
import { type CalibrationRun, SPLIT } from './run-cells.js'

const digits = (value: number): number => Number(value.toPrecision(4))
const rounded = ({ estimate, low, high }: Interval) => ({
  estimate: digits(estimate),
  low: digits(low),
  high: digits(high),
})

/** A load that a model file can say: regular bursts have no name there. */
function isPlain(cell: Cell): boolean {
  return (
    whyNoModel(cell) === undefined &&
    cell.uses.every((use) => !isFullSpeed(use) && use.settings.arrivals !== 'burst')
  )
}

/** Why a cost is what it is, where it was not fitted. */
function sourceOf(step: string): string {
  if ((INCLUDED as readonly string[]).includes(step)) return ' part of another step: they come together'
  if (step === 'kick') return ' assumed: as call'
  return ' assumed: as receiving'
}

/** What one must know of the fit, in sentences. */
export function notesOf(calibration: Calibration): string[] {
  const { engine, guest, wake, others, fitted, heldOut, noisy, rounds, guests } = calibration
  const percent = (part: number): string => `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`
  return [
    `${fitted.length} cells are fitted, ${heldOut.length} are not: ${SPLIT}.`,
    `Mean error of the fit: ${percent(engine.error)} of the switch's processor time${Number.isNaN(guest.error) ? '' : `, ${percent(guest.error)} of a receiver's`}.`,
    guestSentence([guests]),
    ...notTold(guests),
    ...[...entangled(engine), ...entangled(guest)].map(
      ([a, b, correlation]) =>
        `"${a}" and "${b}" are hardly told apart (correlation ${correlation.toFixed(2)}): only what both cost together is known.`,
    ),
    ...(wake
      ? []
      : [
          `No cell has delays of so light a load that they tell how late a woken thread runs: ${HOST_DEFAULTS.wakeUs} us is assumed.`,
        ]),
    others
      ? `Threads that the model does not name take a processor ${digits(others.perS.estimate)} times a second for ${digits(others.meanUs.estimate)} us in the mean: from the late frames of ${others.cells} cells.`
      : 'No cell shows late frames from which one could tell how often other threads take a processor: none are modelled.',
    ...(noisy > 0
      ? [
          `The machine was not quiet before ${noisy} of ${rounds} measurements: error bars and costs are larger than they need be.`,
        ]
      : []),
  ]
}

/** The text of the file. */
export function calibratedModel(calibration: Calibration, run: CalibrationRun): string {
  const { ghz, engine, guest, wake, others, ranges, guests, machine, fitted, heldOut } = calibration
  const host = hostOf(calibration)
  const costs = costsOf(calibration)
  const cell = run.cells.map((each) => each.cell).find((each) => fitted.includes(each.id) && isPlain(each))
  const start = cell && modelOfCell(cell, { host, costs })
  const document = new Document({
    name: 'calibrated',
    host: {
      ...{ cores: host.cores, ghz, wakeUs: host.wakeUs },
      ...(others ? { othersPerS: host.othersPerS, othersUs: host.othersUs } : {}),
    },
    costs,
    calibration: {
      ...{ run: calibration.run, machine, guests, ranges },
      costsNs: Object.fromEntries(
        [...engine.costs, ...guest.costs].map((cost) => [cost.step, rounded(cost)]),
      ),
      ...(wake ? { wakeUs: rounded(wake) } : {}),
      ...(others ? { othersPerS: rounded(others.perS), othersUs: rounded(others.meanUs) } : {}),
      ...{ fitted, heldOut },
    },
    ...(cell ? { policy: policyOf(cell.bed.switch), budget: cell.bed.switch.budget ?? BUDGET_DEFAULT } : {}),
    vms: start
      ? start.vms.map(({ name, targetUs, cores: own }) => ({ name, targetUs, cores: own }))
      : [{ name: 'a' }, { name: 'b' }],
    traffic: start?.traffic ?? [{ kind: 'open', from: 'b', to: 'a', rateFps: 10_000 }],
    ...(start ? { driverCore: start.driverCore } : {}),
  })
  document.commentBefore = [
    ` Made by "ringferry sim calibrate" of the run ${calibration.run}:`,
    ` ${machine}.`,
    ...notesOf(calibration).map((note) => ` ${note}`),
    ' VMs and traffic are those of one of its cells: change them to what you ask about.',
  ].join('\n')
  for (const [step, cycles] of Object.entries(costs)) {
    const found = [...engine.costs, ...guest.costs].find((cost) => cost.step === step)
    const node = document.getIn(['costs', step], true)
    if (!isScalar(node)) continue
    node.comment = found
      ? ` ${[found.low, found.high].map((ns) => digits(ns * ghz)).join(' to ')}; ${digits(found.estimate)} ns`
      : sourceOf(step)
    node.value = cycles
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}
