import { describe, expect, it } from 'vitest'
import {
  FINISHED,
  syntheticHeader,
  syntheticMeasurement,
  syntheticStudy,
} from '../../../test/host/support/lab-records.js'
import type { Metrics } from '../record/metrics.js'
import { leavesOut, ratioOf, summarise } from './estimate.js'
import { interference } from './interference.js'
import { knee } from './knee.js'
import { representatives } from './representatives.js'
import { cellSummary, referenceOf, runData } from './run-cells.js'

const runs = (...values: number[]) =>
  summarise(values.map((value, round) => ({ round, value, marked: round === 1 })))!

describe('summary', () => {
  it('summarise is mean, median, interval and marked runs when rounds are known', () => {
    const summary = runs(10, 12, 20)
    expect(summary).toMatchObject({ value: 14, median: 12, n: 3, marked: 1 })
    expect(summary.high! - 14).toBeCloseTo((4.3027 * Math.sqrt(28)) / Math.sqrt(3), 3)
    expect(runs(5)).not.toHaveProperty('high')
    expect(summarise([])).toBeUndefined()
  })

  it('summarise keeps the interval above zero when no run is below it', () => {
    expect(runs(0, 10).low).toBe(0)
    expect(runs(-1, 10).low).toBeLessThan(-1)
  })

  it('ratioOf is narrow when pairs share their disturbance and rounds match', () => {
    const [a, b] = [runs(20, 40, 60), runs(10, 20, 30)]
    expect(ratioOf(a, b, true)).toMatchObject({ n: 3 })
    expect(ratioOf(a, b, true)!.low).toBeCloseTo(2, 9)
    expect(ratioOf(a, b)!.low).toBeLessThan(1)
    expect(leavesOut(ratioOf(a, b, true)!, 1)).toBe(true)
    expect(ratioOf(runs(4), b)).toEqual({ value: expect.closeTo(4 / 18.17, 2), n: 1 })
  })

  it('ratioOf has no interval when a run is zero, and no value when all of the reference are', () => {
    expect(ratioOf(runs(0, 2), runs(4, 4))).toEqual({ value: 0.25, n: 2 })
    expect(ratioOf(runs(1, 2), runs(0, 0))).toBeUndefined()
  })
})

describe('knee', () => {
  const curve = (...ys: number[]) => ys.map((y, x) => ({ x, y }))

  it('knee is where a rising curve levels off, or its top when it falls from there', () => {
    expect(knee(curve(0, 50, 90, 95, 100))).toBe(2)
    expect(knee(curve(0, 10, 20, 30, 5))).toBe(3)
  })

  it('knee is none when a curve is straight, falls, or is short', () => {
    expect(knee(curve(0, 1, 2, 3))).toBeUndefined()
    expect(knee(curve(4, 3, 2, 1))).toBeUndefined()
    expect(knee(curve(0, 9))).toBeUndefined()
  })
})

describe('run cells', () => {
  const study = syntheticStudy()
  const one = { place: 'one', direction: 'to_vm' }
  const other = { place: 'other', direction: 'to_vm', extra: 'x' }

  it('runData keeps twins apart and cells in the order of the plan', () => {
    const data = runData([
      syntheticHeader(study, [one, other]),
      syntheticMeasurement(one, 1, [{ metrics: { mbps: 3 } }]),
      syntheticMeasurement(one, 0, [{ metrics: { mbps: 1 } }]),
      syntheticMeasurement(one, 0, [{ metrics: { mbps: 100 } }], { twin: true }),
      FINISHED,
    ])
    expect(data.cells.map(({ measurements, twins }) => [measurements.length, twins.length])).toEqual([
      [2, 1],
      [0, 0],
    ])
    expect(cellSummary(data.cells[0]!, { metric: 'mbps' })!.rounds.map(({ value }) => value)).toEqual([1, 3])
    expect(referenceOf(data.cells, data.cells[1]!, { place: 'one' })?.id).toBe('place=one,direction=to_vm')
    expect(data.finished).toBe(true)
  })

  it('cellSummary joins workloads by the rule that is asked for', () => {
    const metrics: Metrics[] = [
      { mbps: 30, p99Us: 5 },
      { mbps: 10, p99Us: 7 },
    ]
    const workloads = metrics.map((each, at) => ({
      label: `bulk-vm${at + 1}`,
      vm: `vm${at + 1}`,
      metrics: each,
    }))
    const { cells } = runData([syntheticHeader(study, [one]), syntheticMeasurement(one, 0, workloads)])
    const value = (over?: 'sum' | 'mean' | 'max' | 'min' | 'jain') =>
      cellSummary(cells[0]!, { metric: 'mbps', ...(over ? { over } : {}) })!.value
    expect([value(), value('mean'), value('max'), value('min')]).toEqual([40, 20, 30, 10])
    expect(value('jain')).toBeCloseTo(0.8, 12)
    expect(cellSummary(cells[0]!, { metric: 'p99Us' })!.value).toBe(7)
    expect(cellSummary(cells[0]!, { metric: 'mbps', of: 'bulk-vm2' })!.value).toBe(10)
    expect(cellSummary(cells[0]!, { metric: 'fps' })).toBeUndefined()
  })

  it('interference leaves entries empty when a load was not measured alone', () => {
    const pair = { victim: 'a', aggressor: 'b', isolation: true }
    const alone = { victim: 'b', aggressor: 'none', isolation: true }
    const { cells } = runData([
      syntheticHeader(study, [pair, alone]),
      syntheticMeasurement(pair, 0, [
        { label: 'victim', metrics: { mbps: 5 } },
        { label: 'aggressor', metrics: { mbps: 8 } },
      ]),
      syntheticMeasurement(alone, 0, [{ label: 'victim', metrics: { mbps: 10 } }]),
    ])
    const result = interference(cells)
    expect(result.victims.map(({ load }) => load)).toEqual(['a', 'b'])
    expect(result.entries[0]).toEqual([undefined, undefined])
    expect(result.entries[1]![0]).toEqual({ value: expect.closeTo(0.8, 9), n: 1 })
  })

  it('representatives leaves out cells without a feature, and needs three', () => {
    const cellsOf = (count: number) =>
      runData([
        syntheticHeader(study, []),
        ...Array.from({ length: count }, (_, at) =>
          syntheticMeasurement({ candidate: at }, 0, [
            { metrics: { mbps: at < 2 ? at : 100 + at, ...(at === 3 ? {} : { fps: at * at }) } },
          ]),
        ),
      ]).cells
    const result = representatives(cellsOf(5), ['mbps', 'fps'], 8)!
    expect(result.leftOut).toEqual(['candidate=3'])
    expect(result.candidates).toHaveLength(4)
    expect(result.candidates.filter(({ medoid }) => medoid)).toHaveLength(result.k)
    expect(representatives(cellsOf(2), ['mbps', 'fps'], 8)).toBeUndefined()
  })
})
