import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { threadId } from './signal-handler.js'
import { ThreadTime } from './thread-time.js'

describe('ThreadTime', () => {
  it('grows while its thread works', () => {
    const time = new ThreadTime(threadId())
    const before = time.seconds()
    for (let rounds = 0; rounds < 100_000 && time.seconds() < before + 0.05; rounds++)
      for (let at = 0; at < 1e6; at++) Math.sqrt(at)
    expect(time.seconds()).toBeGreaterThanOrEqual(before + 0.05)
  })

  it('is 0 for a thread that there never was', () => {
    const taken = new Set(readdirSync('/proc/self/task'))
    let thread = 4_000_000
    while (taken.has(String(thread))) thread++
    expect(new ThreadTime(thread).seconds()).toBe(0)
  })
})
