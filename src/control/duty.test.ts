import { describe, expect, it } from 'vitest'
import { DECIDE, DECIDING_SHARE, Duty, nextOf, PREPARE, WAIT } from './duty.js'

/** A thread on a clock of its own, whose every piece of work takes so long. */
function thread(pieceUs: number, share = DECIDING_SHARE) {
  let [nowUs, usedUs, longestUs] = [0, 0, 0]
  const duty = new Duty(share, usedUs)
  /** Works whenever it may. Returns the share of the time that it took. */
  const run = (pieces: number, wakeUs = 0): number => {
    for (let done = 0; done < pieces; ) {
      const restUs = duty.restUs(nowUs, usedUs)
      longestUs = Math.max(longestUs, restUs)
      const workUs = restUs > 0 ? wakeUs : pieceUs
      nowUs += restUs + workUs
      usedUs += workUs
      if (restUs === 0) done++
    }
    return usedUs / nowUs
  }
  return { run, longestUs: () => longestUs }
}

describe('Duty', () => {
  it('restUs leaves a thread its share of a processor, however long each piece of work takes', () => {
    for (const pieceUs of [20, 300, 12_000]) expect(thread(pieceUs).run(1000)).toBeCloseTo(DECIDING_SHARE, 1)
    expect(thread(300, 0.5).run(1000)).toBeCloseTo(0.5, 1)
  })

  it('restUs lets a thread work that takes time to wake up', () => {
    expect(thread(300).run(1000, 50)).toBeLessThan(DECIDING_SHARE * 1.1)
  })

  it('restUs lets a thread work after each rest, even if to wake up takes all that it may', () => {
    // What waking takes is owed, too; the thread does its pieces all the same, and keeps to its share.
    for (const wakeUs of [200, 5000]) expect(thread(300).run(1000, wakeUs)).toBeLessThan(DECIDING_SHARE * 1.1)
  })

  it('restUs is at most half a second', () => {
    const slow = thread(10_000_000)
    slow.run(3)
    expect(slow.longestUs()).toBe(500_000)
  })

  it('restUs is 0 for what was used before', () => {
    expect(new Duty(0.1, 40_000).restUs(0, 40_000)).toBe(0)
  })
})

describe('nextOf', () => {
  it('decides when that is due, before its code is ready', () => {
    expect([nextOf(0, 0, false), nextOf(0, 0, true)]).toEqual([DECIDE, DECIDE])
  })

  it('makes its code ready between two decisions, and waits then', () => {
    expect([nextOf(0, 500, false), nextOf(0, 500, true)]).toEqual([PREPARE, WAIT])
  })

  it('does neither while the thread rests', () => {
    expect([nextOf(1, 0, true), nextOf(1, 0, false), nextOf(1, 500, false)]).toEqual([WAIT, WAIT, WAIT])
  })
})
