import { describe, expect, it } from 'vitest'
import {
  LEAST_SAMPLES,
  LEAST_SPIN_US,
  LONGEST_SPIN_US,
  PROBE_US,
  PROBES,
  spinBoundUs,
  WakeCost,
} from './wake-cost.js'

const LAST = PROBES - 1

function measured(...latenessUs: readonly number[]): WakeCost {
  const cost = new WakeCost()
  for (const late of latenessUs) cost.probed(LAST, PROBE_US + late, 0)
  return cost
}
const times = (count: number, us: number): number[] => Array.from({ length: count }, () => us)

describe('WakeCost.us', () => {
  it('is not known before there are samples enough', () => {
    expect(measured(...times(LEAST_SAMPLES - 1, 30)).us).toBeNaN()
    expect(measured(...times(LEAST_SAMPLES, 30)).us).toBe(30)
  })

  it('stays when a few of the last wake-ups were late', () => {
    expect(measured(...times(20, 30), ...times(10, 5_000)).us).toBe(30)
  })

  it('follows when wake-ups have become dearer for good', () => {
    expect(measured(...times(500, 30), ...times(31, 70)).us).toBe(70)
  })

  it('leaves out probes that ended before their time', () => {
    const cost = measured(...times(20, 30))
    for (let probes = 0; probes < 40; probes++) cost.probed(LAST, PROBE_US - 1, 0)
    expect(cost.us).toBe(30)
  })

  it('leaves out the first of those that follow each other', () => {
    const cost = measured(...times(20, 30))
    for (let probes = 0; probes < 40; probes++) cost.probed(0, PROBE_US + 90, 0)
    expect(cost.us).toBe(30)
  })

  it('leaves out the time in which others had the processor', () => {
    const cost = new WakeCost()
    for (let probes = 0; probes < 10; probes++) cost.probed(LAST, PROBE_US + 430, 400)
    expect(cost.us).toBe(30)
  })
})

describe('spinBoundUs', () => {
  it.each([
    [Number.NaN, LEAST_SPIN_US],
    [0, LEAST_SPIN_US],
    [9, LEAST_SPIN_US],
    [25, 50],
    [99, 198],
    [3_000, LONGEST_SPIN_US],
  ])('where a wake-up costs %f us is %f us', (wakeUs, boundUs) => expect(spinBoundUs(wakeUs)).toBe(boundUs))
})
