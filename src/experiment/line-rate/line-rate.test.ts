import { describe, expect, it } from 'vitest'
import type { SweepLine } from '../sweep-job.js'
import { answerOf } from './answer.js'
import { type LineRateFactors, lineRatePoints, OFFERED_FPS_PER_THREAD, offeredFps, wireFps } from './grid.js'
import { leastFilling, Outcomes } from './outcome.js'
import { lineRateSections } from './page.js'

const interval = (estimate: number) => ({ estimate, low: estimate, high: estimate })

/** A machine whose thread carries a million frames a second, and each VM half of that. */
function lineOf(factors: LineRateFactors): SweepLine {
  const { vms, threads, gbps, frameBytes } = factors
  const bound = Math.min(threads * 1e6, vms * 5e5)
  const fps = Math.min(bound, wireFps(gbps, frameBytes))
  const figures = { batchFrames: interval(2), totalP99Us: interval(10) }
  const summary = {
    ...{ model: 'line-rate', seed: 1, replications: 1, warmUpMs: 5, isNarrow: true, isSaturated: false },
    bottleneck: bound === threads * 1e6 ? 'driver domain' : 'vm v1',
    host: { fps: interval(fps), driverCpu: interval(threads), callsPerFrame: interval(0.5) },
    traffic: [],
    vms: Array.from({ length: vms }, (_, at) => ({ name: `v${at + 1}`, figures, why: '' })),
  }
  return { id: JSON.stringify(factors), factors: { ...factors }, summary }
}

const points = lineRatePoints(1)
const outcomes = new Outcomes(points.map(({ factors }) => lineOf(factors as unknown as LineRateFactors)))

describe('the line-rate report', () => {
  it('wireFps is the frame rate of Ethernet when frames are smallest and largest', () => {
    expect(Math.round(wireFps(10, 64))).toBe(14_880_952)
    expect(Math.round(wireFps(10, 1518))).toBe(812_744)
  })

  it('lineRatePoints offers line rate, or more than a thread carries, to all VMs together', () => {
    for (const { factors, data } of points) {
      const { gbps, frameBytes, vms, threads } = factors as unknown as LineRateFactors
      const [traffic] = (data as { traffic: { rateFps: number }[] }).traffic
      const most = Math.min(wireFps(gbps, frameBytes), threads * OFFERED_FPS_PER_THREAD)
      expect(traffic!.rateFps * vms).toBeCloseTo(most, 3)
    }
  })

  it('lineRatePoints has one run stand for all NICs whose line rate is beyond what is offered', () => {
    const factorsById = new Map<string, LineRateFactors[]>()
    for (const { id, factors } of points)
      factorsById.set(id, [...(factorsById.get(id) ?? []), factors as unknown as LineRateFactors])
    for (const same of factorsById.values()) {
      const [first, ...others] = same
      for (const other of others) {
        expect({ ...other, gbps: first!.gbps }).toEqual(first)
        expect(wireFps(first!.gbps, first!.frameBytes)).toBeGreaterThanOrEqual(offeredFps(other))
      }
    }
    expect(factorsById.size).toBeLessThan(points.length)
    const ids = points
      .filter(({ factors: { frameBytes, vms, threads, policy } }) =>
        [frameBytes === 64, vms === 4, threads === 1, policy === 'fixed'].every(Boolean),
      )
      .map(({ id }) => id)
    expect(ids.map((id) => ids.indexOf(id))).toEqual([0, 1, 1, 1, 1])
  })

  it('leastFilling is the least number of VMs that fill a NIC, or nothing', () => {
    const at = { direction: 'receive', threads: 1, policy: 'natural' } as const
    expect(leastFilling(outcomes.of({ ...at, gbps: 10, frameBytes: 1518 }), 'vms')).toBe(2)
    expect(leastFilling(outcomes.of({ ...at, gbps: 10, frameBytes: 64 }), 'vms')).toBeUndefined()
  })

  it('answerOf says which rates are reached, and how many threads others take', () => {
    const words = answerOf(outcomes).join('\n')
    expect(words).toContain(
      'holds under every policy up to 10 Gb/s with 1518-byte frames, at none of these rates with 64-byte frames',
    )
    expect(words).toContain('64 VMs and 1518-byte frames, natural or fixed: 1 Gb/s takes 1 thread')
    expect(words).toContain('25 Gb/s takes 2 threads')
    expect(words).toContain('100 Gb/s is not filled (11 % with 16 threads, limited by the driver domain)')
  })

  it('lineRateSections draws every size, and says so where points are missing', () => {
    const pictures = (all: Outcomes) =>
      lineRateSections(all).flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === 'picture'))
    expect(pictures(outcomes)).toHaveLength(12)
    expect(() => pictures(new Outcomes([]))).not.toThrow()
  })
})
