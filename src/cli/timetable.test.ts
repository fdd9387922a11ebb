import { describe, expect, it } from 'vitest'
import { type Speed, Timetable } from './timetable.js'

/** Which of frames at some milliseconds are early, when they are asked about at others. */
function early(speed: Speed, framesMs: readonly number[], askedMs: readonly number[]): boolean[] {
  let nowMs = 1000
  const timetable = new Timetable(speed, new AbortController().signal, () => nowMs)
  return framesMs.map((frameMs, number) => {
    nowMs = 1000 + (askedMs[number] as number)
    return timetable.isEarly(BigInt(5e15 + frameMs * 1e6))
  })
}

describe('Timetable', () => {
  it('keeps the times between frames, those within a millisecond together', () => {
    expect(early({}, [0, 0.5, 50, 50], [0, 0, 10, 49.5])).toEqual([false, false, true, false])
  })

  it('is so many times as fast as asked for', () => {
    expect(early({ rate: 10 }, [0, 50, 50], [0, 3, 4.5])).toEqual([false, true, false])
  })

  it('spreads frames evenly at so many a second, whatever their times', () => {
    expect(early({ fps: 100 }, [0, 0, 0], [0, 5, 15])).toEqual([false, true, true])
    expect(early({ fps: 100 }, [0, 900, 0], [0, 10, 20])).toEqual([false, false, false])
  })

  it('waits for nothing at top speed', () => {
    expect(early({ topSpeed: true }, [0, 9000], [0, 0])).toEqual([false, false])
  })
})
