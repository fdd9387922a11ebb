/** Calibration and validation with guests that have a kernel: a run that the simulator made, and a recorded one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSimulatedRun } from '../../../test/support/simulated-run.js'
import { planeModule } from '../../engine/plane-module.js'
import { expandStudy } from '../../lab/study/expand.js'
import { loadStudy } from '../../lab/study/load.js'
import { WORKLOADS } from '../../lab/workload/registry.js'
import { HOST_DEFAULTS } from '../../sim/model.js'
import { parseModel } from '../model-file.js'
import { type Calibration, calibrate } from './calibrate.js'
import { calibratedModel, notesOf } from './calibrated-model.js'
import { readCalibrationRun } from './run-cells.js'
import { validate } from './validate.js'
import { validationSections } from './validation-page.js'
import { guestRows, receiverKinds } from './work.js'

const plane = planeModule()
const GHZ = 2
/** Cycles, of the order of a User-Mode Linux guest's. */
const TRUTH: Readonly<Record<string, number>> = {
  'virtual interrupt': 120_000,
  'stack receive': 40_000,
  'copy to the program': 20,
  'stack transmit': 30_000,
  'copy from the program': 20,
}

describe('calibrate with the study calibration-kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'calibrate-kernel-'))
  let found: Calibration
  beforeAll(() => {
    const plan = expandStudy(loadStudy('calibration-kernel'), {
      workloads: new Map(WORKLOADS.map((workload) => [workload.name, workload])),
      guests: 'uml',
    })
    writeSimulatedRun(folder, plan, {
      truth: {
        host: { ...HOST_DEFAULTS, cores: 2, ghz: GHZ },
        costs: { ...TRUTH, 'virtual NIC': 0, 'domain switch': 0 },
      },
      ...{ noise: 0.03, rounds: 2, measureMs: 120, settleMs: 20 },
    })
    found = calibrate(readCalibrationRun(folder), plane, 'uml')
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('calibrate tells interrupts, frames and bytes of a kernel apart, both ways, when its cells are those of the study', () => {
    expect(found.guests).toBe('uml')
    expect(found.guest.costs.map(({ step }) => step)).toEqual(Object.keys(TRUTH))
    for (const { step, estimate } of found.guest.costs)
      expect([step, Math.abs((estimate * GHZ) / TRUTH[step]! - 1) < 0.15]).toEqual([step, true])
  })

  it('notesOf says which guests, and what of a kernel is not told apart', () => {
    const notes = notesOf(found).join('\n')
    expect(notes).toMatch(/Receivers are of kind uml \(the kernel of User-Mode Linux/)
    expect(notes).toMatch(/one cost, "stack receive"/)
  })
})

describe('a run with User-Mode Linux', () => {
  const measured = readCalibrationRun('test/support/calibration-kernel-run')

  it('guestRows leave out what a kernel sends or receives when it is next to nothing', () => {
    for (const { cell, measurements } of measured.cells) {
      // One row each: the embedded VM at the other end is no such guest.
      expect(receiverKinds(cell)).toEqual(['uml'])
      const rows = measurements.flatMap((each) => guestRows(each, cell))
      expect(rows).toHaveLength(measurements.length)
      for (const { counts } of rows) {
        const [received, sent] = [counts.slice(1, 3), counts.slice(3)]
        const [busy, idle] = cell.factors.load === 'sent' ? [sent, received] : [received, sent]
        expect(idle).toEqual([0, 0])
        expect(busy.every((count) => count > 0)).toBe(true)
      }
    }
  })

  it('is calibrated with --guests uml, gives a model that is read back, and is predicted', async () => {
    const calibration = calibrate(measured, plane, 'uml')
    const costs = new Map(calibration.guest.costs.map(({ step, estimate }) => [step, estimate]))
    expect([...costs.keys()]).toEqual(Object.keys(TRUTH))
    expect(costs.get('stack receive')! + costs.get('virtual interrupt')!).toBeGreaterThan(1000)
    // Its delays are not known, so neither is how late it wakes.
    expect([calibration.wake, calibration.others]).toEqual([undefined, undefined])
    const { file, model } = await parseModel(calibratedModel(calibration, measured), 'model.yaml')
    const { heldOut, guests } = file.calibration!
    expect(guests).toBe('uml')
    const validation = validate(measured, model, { seed: 1, plane, which: (cell) => heldOut.includes(cell) })
    expect(validation.cells.map(({ cell }) => cell).sort()).toEqual([...heldOut].sort())
    expect([validation.left, validation.guests]).toEqual([[], ['uml']])
    // Cells without a model are fitted, not held out: nobody could predict them.
    const all = validate(measured, model, { seed: 1, plane, which: (cell) => cell.startsWith('load=sent') })
    expect([all.cells, all.left.length]).toEqual([[], 8])
    expect(all.left[0]!.why).toBe(
      'a model has one kind of guests: b is embedded and receives from one with a kernel',
    )
    expect(calibration.fitted.filter((cell) => cell.startsWith('load=sent'))).toHaveLength(8)
    for (const { compared } of validation.cells) {
      expect(Object.keys(compared)).toEqual(expect.arrayContaining(['fps', 'receiverCpu', 'callsPerFrame']))
      expect(compared).not.toHaveProperty('p99Us')
    }
    const page = JSON.stringify(validationSections(validation, { which: 'held-out cells', about: [] }))
    expect(page).toMatch(/Processor use of receivers/)
  }, 60_000)
})
