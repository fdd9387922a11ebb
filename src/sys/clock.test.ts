import { describe, expect, it } from 'vitest'
import { nowUs, ThreadClock } from './clock.js'

describe('ThreadClock', () => {
  it('us grows when the thread computes, and not by what it sleeps', () => {
    const clock = new ThreadClock()
    const before = clock.us()
    let sum = 0
    for (let i = 0; i < 5e6; i++) sum += i % 7
    const worked = clock.us() - before
    expect(sum).toBeGreaterThan(0)
    expect(worked).toBeGreaterThan(0)
    const [cpu, wall] = [clock.us(), nowUs()]
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    expect(clock.us() - cpu).toBeLessThan((nowUs() - wall) / 2)
    clock.free()
  })
})
