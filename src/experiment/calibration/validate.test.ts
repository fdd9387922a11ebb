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
import { calibrate } from './calibrate.js'
import { calibratedModel } from './calibrated-model.js'
import type { MachineCosts } from './cell-model.js'
import { type CalibrationRun, readCalibrationRun } from './run-cells.js'
import { type Validation, validate } from './validate.js'
import { validationSections } from './validation-page.js'
import { errorsOf, regimesOf, verdictOf } from './verdict.js'

const plane = planeModule()
const folder = mkdtempSync(join(tmpdir(), 'validate-'))
const COSTS = { 'virtual NIC': 0, 'domain switch': 0, 'stack receive': 700, 'copy to the program': 0.25 }
const host = { ...HOST_DEFAULTS, cores: 2, ghz: 2, wakeUs: 7 }
const truth: MachineCosts = {
  host,
  costs: { ...COSTS, 'stack transmit': 700, 'copy from the program': 0.25, kick: 1340 },
}
let run: CalibrationRun
beforeAll(() => {
  const plan = expandStudy(loadStudy('calibration'), {
    workloads: new Map(WORKLOADS.map((workload) => [workload.name, workload])),
    guests: 'embedded',
    only: { load: ['steady', 'held'] },
  })
  writeSimulatedRun(folder, plan, { truth, noise: 0.02, rounds: 2, measureMs: 60, settleMs: 20 })
  run = readCalibrationRun(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

const predict = (with_: MachineCosts, which: (cell: string) => boolean): Validation =>
  validate(run, with_, { seed: 1, plane, which })

describe('validate', () => {
  it('validate finds throughput within 10 % and nearly all p99 within 20 % on held-out cells when the truth is in the model', async () => {
    const { file, model } = await parseModel(calibratedModel(calibrate(run, plane), run), 'model.yaml')
    const { heldOut } = file.calibration!
    const validation = predict(model, (cell) => heldOut.includes(cell))
    expect(validation.cells.map(({ cell }) => cell).sort()).toEqual([...heldOut].sort())
    const errors = new Map(errorsOf(validation).map((each) => [each.name, each]))
    expect(errors.get('fps')).toMatchObject({ cells: heldOut.length, within: heldOut.length })
    // One cell loses frames, and so has no delays to compare; one tail comes of few waits until a tick.
    const p99 = errors.get('p99Us')!
    expect(p99.cells).toBeGreaterThanOrEqual(heldOut.length - 1)
    expect(p99.within).toBeGreaterThanOrEqual(p99.cells - 1)
    for (const name of ['driverWorkCpu', 'receiverCpu', 'callsPerFrame', 'batchFrames'] as const)
      expect([name, errors.get(name)!.mape < 0.1]).toEqual([name, true])
    for (const { ksDistance = 0 } of validation.cells) expect(ksDistance).toBeLessThan(0.15)
    expect(verdictOf(validation, 'held-out cells')[0]).toMatch(
      /^Throughput is predicted within 10 % on 7 of 7 held-out cells; the mean error is \d/,
    )
  })

  it('validate says by how much, and in which regime, when the model is wrong', () => {
    const wrong = { host, costs: { ...truth.costs, 'wake-up': 9000 } }
    const validation = predict(wrong, (cell) => cell.includes('rateFps=10000'))
    const { bias, mape, worst } = errorsOf(validation).find(({ name }) => name === 'driverWorkCpu')!
    expect(bias).toBeGreaterThan(0.5)
    expect(mape).toBeCloseTo(bias, 9)
    expect(worst.error).toBeGreaterThanOrEqual(bias)
    expect(regimesOf(validation)).toContainEqual(
      expect.objectContaining({ factor: 'policy', value: 'natural', name: 'driverWorkCpu', cells: 2 }),
    )
    const words = JSON.stringify(validationSections(validation, { which: 'cells', about: [] }))
    expect(words).toMatch(
      /load = steady: processor use of the switch, without spinning \+\d+ %, mean of 4 cells/,
    )
  })
})

describe('a run of the lab', () => {
  it('is calibrated, gives a model that is read back, and is predicted', async () => {
    const measured = readCalibrationRun('test/support/calibration-run')
    const calibration = calibrate(measured, plane)
    expect(calibration.engine.costs.map(({ step }) => step)).toContain('wake-up')
    for (const { estimate, low, high } of [...calibration.engine.costs, ...calibration.guest.costs]) {
      expect(estimate).toBeGreaterThanOrEqual(0)
      expect(low).toBeLessThanOrEqual(high)
    }
    const { file, model } = await parseModel(calibratedModel(calibration, measured), 'model.yaml')
    expect(model.costs['wake-up']).toBeGreaterThan(0)
    expect(model).not.toHaveProperty('calibration')
    const { heldOut } = file.calibration!
    const validation = validate(measured, model, { seed: 1, plane, which: (cell) => heldOut.includes(cell) })
    expect(validation.cells).toHaveLength(12)
    expect(validation.left).toEqual([])
    // The machine was busy: what it says is said, and not that it is right.
    expect(validation.noisy).toBe(12)
    expect(errorsOf(validation).find(({ name }) => name === 'fps')!.cells).toBe(12)
  })
})
