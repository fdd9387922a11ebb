import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { planeModule } from '../../engine/plane-module.js'
import { runPoint } from '../sweep-job.js'
import { frontierAnswer } from './answer.js'
import { frontierPoints } from './grid.js'
import { measuredModels, readMeasured, withSimulated } from './measured.js'
import { frontierOutcomes, ratioOf } from './outcome.js'
import { frontierSections } from './page.js'

const run = fileURLToPath(new URL('../../../docs/reports/policies', import.meta.url))

describe('the frontier', () => {
  it('simulated holds are those of the analytic model when a hold is long beside what a wake-up takes', async () => {
    const long = frontierPoints(1, true).filter(
      ({ factors: { load, policy, holdUs } }) => load === 'carried' && policy === 'fixed' && holdUs === 200,
    )
    const plane = planeModule()
    const lines = await Promise.all(long.map((point) => runPoint(point, 1, plane)))
    const outcomes = frontierOutcomes(lines)
    expect(outcomes).toHaveLength(2)
    for (const point of outcomes)
      for (const figure of ['batchFrames', 'meanUs', 'p99Us'] as const) {
        expect(ratioOf(point, figure)).toBeGreaterThan(0.95)
        expect(ratioOf(point, figure)).toBeLessThan(1.05)
      }
    expect(frontierAnswer(outcomes)[0]).toContain('Over 2 settings of hold and size')
  })

  it('readMeasured takes frames under each policy from a run of the lab, and their models have its load', () => {
    const measured = readMeasured(run)
    expect(measured.map(({ policy }) => policy).sort()).toEqual(
      ['adaptive', 'dim', 'fixed', 'natural', 'per-packet'].sort(),
    )
    for (const { rateFps, budget, p99Us } of measured) {
      expect([rateFps, budget]).toEqual([200_000, 0.3])
      expect(p99Us).toBeGreaterThan(30)
    }
    const models = measuredModels(measured, 1)
    expect(models[0]!.data).toMatchObject({ budget: 0.3, traffic: [{ rateFps: 200_000, frameBytes: 60 }] })
    const shown = frontierSections([], withSimulated(measured, []))
    expect(shown.at(-1)!.title).toContain('Measured')
  })

  it('readMeasured says what is wrong when a folder has no such run', () => {
    expect(() => readMeasured('/nowhere')).toThrow('/nowhere: no run of the lab')
  })
})
