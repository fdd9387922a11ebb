import { describe, expect, it } from 'vitest'
import { chosenPoint, frontierOf, pointsOf } from './frontier.js'
import type { Second } from './history.js'
import { linearTicks, logTicks } from './scales.js'

const point = (share: number, p99Us: number, ageS = 0) => ({ share, p99Us, ageS })
const second = (timeS: number, engineShare: number, p99Us: number | null): Second => ({
  timeS,
  lengthS: 1,
  engineShare,
  budget: 0.5,
  ports: new Map(),
  vifs: new Map([['g1', { p99Us, targetUs: 200, servedShare: 0, published: {} }]]),
})

describe('frontier', () => {
  it('pointsOf has the seconds in which the vif had frames', () => {
    const seconds = [second(1, 0.1, 100), second(2, 0.2, null), second(3, 0.3, 90)]
    expect(pointsOf(seconds, 'g1')).toEqual([point(0.1, 100, 2), point(0.3, 90, 0)])
    expect(pointsOf(seconds, 'g2')).toEqual([])
  })

  it('frontierOf leaves out what another beats in both', () => {
    const points = [point(0.3, 50), point(0.1, 200), point(0.2, 250), point(0.2, 100), point(0.4, 60)]
    expect(frontierOf(points)).toEqual([point(0.1, 200), point(0.2, 100), point(0.3, 50)])
  })

  it('chosenPoint is the middle of the last seconds, and none without any', () => {
    expect(chosenPoint([point(0.9, 900, 60), point(0.1, 30, 2), point(0.3, 10, 1), point(0.2, 20)])).toEqual(
      point(0.2, 20),
    )
    expect(chosenPoint([point(0.9, 900, 60)])).toBeUndefined()
  })
})

describe('scales', () => {
  it.each([
    [0, [0]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [87, [0, 25, 50, 75, 100]],
  ])('linearTicks reaches %d in round steps', (max, ticks) => {
    expect(linearTicks(max, 4)).toEqual(ticks)
  })

  it('logTicks leaves out 2 and 5 when there is no room', () => {
    expect(logTicks(1, 100, 8)).toEqual([1, 2, 5, 10, 20, 50, 100])
    expect(logTicks(1, 100, 5)).toEqual([1, 10, 100])
  })
})
