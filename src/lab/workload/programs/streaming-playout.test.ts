import { describe, expect, it } from 'vitest'
import { jitter, Playout } from './streaming-playout.js'

/** Segments of half a second, a buffer of two. */
const player = (): Playout => new Playout(0.5, 1, 10)

describe('Playout', () => {
  it('count is all stalled until the buffer is full, then nothing more', () => {
    const playout = player()
    playout.arrive(10.1)
    expect(playout.dueS).toBeCloseTo(10.1)
    expect(playout.count(10.2).stalledS).toBeCloseTo(0.2)
    playout.arrive(10.3)
    expect(playout.count(11).stalledS).toBeCloseTo(0.3)
    expect(playout.count(11).rebuffers).toBe(0)
  })

  it('dueS is when the buffer has room for a segment', () => {
    const playout = player()
    playout.arrive(10)
    playout.arrive(10)
    expect(playout.dueS).toBeCloseTo(10.5)
    playout.arrive(10.7) // 0.3 s were left: 0.8 s, room for 0.5 s in 0.3 s
    expect(playout.dueS).toBeCloseTo(11)
  })

  it('count has a rebuffering and the time until the buffer is full again', () => {
    const playout = player()
    playout.arrive(10)
    playout.arrive(10) // plays until 11
    playout.arrive(11.4) // dry for 0.4 s; one segment does not start it
    expect(playout.count(11.5)).toEqual({ rebuffers: 1, stalledS: expect.closeTo(0.5) })
    playout.arrive(11.6)
    expect(playout.count(12.6)).toEqual({ rebuffers: 1, stalledS: expect.closeTo(0.6) })
    expect(playout.count(12.7)).toEqual({ rebuffers: 2, stalledS: expect.closeTo(0.7) })
  })

  it('starts with one segment when the buffer holds only one', () => {
    const playout = new Playout(0.5, 0.9, 0)
    playout.arrive(0.1)
    expect(playout.count(0.6).stalledS).toBeCloseTo(0.1)
  })

  it('never stalls again when every segment comes when it is due', () => {
    const playout = new Playout(0.2, 0.6, 0)
    let now = 0
    for (let i = 0; i < 100; i++) {
      playout.arrive(now)
      now = playout.dueS
    }
    expect(playout.count(now)).toEqual({ rebuffers: 0, stalledS: expect.closeTo(0) })
    expect(now).toBeCloseTo(98 * 0.2)
  })
})

describe('jitter', () => {
  it('is the mean difference of neighbours', () => {
    expect(jitter([5, 8, 4, 4])).toBeCloseTo((3 + 4 + 0) / 3)
  })

  it('is 0 when all transits are equal, and unknown for one', () => {
    expect(jitter([7, 7, 7])).toBe(0)
    expect(jitter([7])).toBeUndefined()
    expect(jitter([])).toBeUndefined()
  })
})
