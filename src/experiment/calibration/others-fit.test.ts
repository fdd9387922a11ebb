import { describe, expect, it } from 'vitest'
import type { Measurement } from '../../lab/record/record.js'
import { fitOthers, shareBeyond } from './others-fit.js'
import type { MeasuredCell } from './run-cells.js'

const MEDIAN_US = 30
const PERCENTS = [1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99]

/** Percentiles of delays whose tail is that of stretches on two processors. */
function percentiles(perS: number, meanUs: number): [number, number][] {
  const late = (2 * perS * meanUs) / 1e6
  return PERCENTS.map((percent) => {
    const beyond = 1 - percent / 100
    return [percent, MEDIAN_US + (beyond < late ? meanUs * Math.log(late / beyond) : 0)]
  })
}

function cell(perS: number, meanUs: number, rateFps = 20_000): MeasuredCell {
  const workload = { metrics: { lossRatio: 0 }, series: { percentiles: percentiles(perS, meanUs) } }
  return {
    cell: {
      bed: {
        switch: { policy: 'natural', cpu: 0 },
        vms: [
          { name: 'a', cpu: 0 },
          { name: 'b', cpu: 1 },
        ],
      },
      uses: [{ vm: 'a', settings: { rateFps } }],
    },
    measurements: [
      {
        workloads: [workload],
        metrics: { driverWorkCpu: 0.2 },
        cpu: { seconds: 1, guests: { a: 0.1 } },
      } as unknown as Measurement,
    ],
  } as unknown as MeasuredCell
}

describe('fitOthers', () => {
  it('fitOthers finds how often and how long processors are taken when tails are known', () => {
    const { perS, meanUs, cells } = fitOthers([cell(20, 1200), cell(20, 1200, 50_000)])!
    expect(cells).toBe(2)
    expect(Math.abs(perS.estimate / 20 - 1)).toBeLessThan(0.1)
    expect(Math.abs(meanUs.estimate / 1200 - 1)).toBeLessThan(0.1)
    expect(perS.low).toBeLessThanOrEqual(perS.estimate)
  })

  it('fitOthers finds none when no frame is late, and where rings lose what came meanwhile', () => {
    expect(fitOthers([cell(0.001, 10)])).toBeUndefined()
    expect(fitOthers([cell(20, 1200, 150_000)])).toBeUndefined()
  })

  it('shareBeyond lies between the percentiles that are known', () => {
    expect(
      shareBeyond(
        [
          [50, 10],
          [99, 100],
        ],
        55,
      ),
    ).toBeCloseTo(Math.sqrt(0.5 * 0.01), 6)
    expect(
      shareBeyond(
        [
          [50, 10],
          [99, 100],
        ],
        100,
      ),
    ).toBe(0)
  })
})
