import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSimulatedRun } from '../../../test/support/simulated-run.js'
import { planeModule } from '../../engine/plane-module.js'
import { expandStudy } from '../../lab/study/expand.js'
import { loadStudy } from '../../lab/study/load.js'
import { WORKLOADS } from '../../lab/workload/registry.js'
import { HOST_DEFAULTS } from '../../sim/model.js'
import { type Calibration, calibrate, costsOf } from './calibrate.js'
import { heldOutOf, readCalibrationRun } from './run-cells.js'

/** A machine that is known: cycles of steps at 2 GHz. */
const GHZ = 2
const WAKE_US = 7
const TRUTH: Readonly<Record<string, number>> = {
  'wake-up': 6000,
  'plane, poll': 400,
  publication: 300,
  call: 2400,
  'plane, frame': 240,
  'plane, byte': 0.3,
  'virtual interrupt': 5000,
  'stack receive': 700,
  'copy to the program': 0.25,
}

const folder = mkdtempSync(join(tmpdir(), 'calibrate-'))
let found: Calibration
beforeAll(() => {
  const plan = expandStudy(loadStudy('calibration'), {
    workloads: new Map(WORKLOADS.map((workload) => [workload.name, workload])),
    guests: 'embedded',
  })
  writeSimulatedRun(folder, plan, {
    truth: {
      host: { ...HOST_DEFAULTS, cores: 2, ghz: GHZ, wakeUs: WAKE_US },
      costs: {
        ...TRUTH,
        'virtual NIC': 0,
        'domain switch': 0,
        kick: TRUTH.call!,
        'stack transmit': 700,
        'copy from the program': 0.25,
      },
    },
    ...{ noise: 0.03, rounds: 2, measureMs: 30, settleMs: 20 },
  })
  found = calibrate(readCalibrationRun(folder), planeModule())
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe('calibrate', () => {
  it('calibrate finds all costs within their error bars when the truth is known', () => {
    const costs = [...found.engine.costs, ...found.guest.costs]
    expect(costs.map(({ step }) => step).sort()).toEqual(Object.keys(TRUTH).sort())
    for (const { step, estimate, low, high } of costs) {
      const truth = TRUTH[step]! / GHZ
      expect([step, low <= truth && truth <= high]).toEqual([step, true])
      expect([step, Math.abs(estimate / truth - 1) < 0.25]).toEqual([step, true])
    }
    expect(found.engine.error).toBeLessThan(0.03)
    expect(found.guest.error).toBeLessThan(0.03)
  })

  it('calibrate finds when a woken thread runs from the delays under light load', () => {
    expect(found.wake!.cells).toBeGreaterThan(3)
    expect(Math.abs(found.wake!.estimate / WAKE_US - 1)).toBeLessThan(0.1)
  })

  it('calibrate says which cells it held out, and what it has seen', () => {
    const { fitted, heldOut, ranges, rounds, noisy } = found
    expect([fitted.length, heldOut.length, rounds, noisy]).toEqual([24, 12, 48, 0])
    expect(heldOut.filter((name) => fitted.includes(name))).toEqual([])
    // The split follows from the names alone, whatever their order.
    expect(heldOutOf([...fitted, ...heldOut].reverse())).toEqual(heldOut)
    expect(ranges.frameBytes).toEqual([60, 1514])
    expect(ranges.policies).toEqual(['adaptive', 'fixed', 'natural', 'per-packet'])
  })

  it('costsOf gives cycles for every step: fitted, contained in another, or like another', () => {
    const costs = costsOf(found)
    expect(costs['virtual NIC']).toBe(0)
    expect(costs.kick).toBe(costs.call)
    expect(costs['stack transmit']).toBe(costs['stack receive'])
    expect(costs['wake-up']! / TRUTH['wake-up']!).toBeCloseTo(1, 1)
  })

  it('calibrate refuses a run that does not tell what the switch did with its time', () => {
    const old = join(folder, 'old')
    mkdirSync(old)
    const lines = readFileSync(join(folder, 'run.jsonl'), 'utf8')
    writeFileSync(join(old, 'run.jsonl'), lines.replaceAll('"engine":', '"thread":'))
    expect(() => calibrate(readCalibrationRun(old), planeModule())).toThrow(
      /old: 0 of its cells tell what the switch did with its time; a calibration takes 9/,
    )
    expect(() => calibrate(readCalibrationRun(folder), planeModule(), 'uml')).toThrow(
      /--guests: .* has no cells of uml; it has embedded/,
    )
  })
})
