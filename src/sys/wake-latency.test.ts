import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { holdWakeLatency } from './wake-latency.js'

const DEVICE = '/dev/cpu_dma_latency'
const mayNot = process.getuid?.() !== 0 || !existsSync(DEVICE)

/** The latency in force, in microseconds. */
function latencyUs(): number {
  const fd = openSync(DEVICE, 'r')
  try {
    const value = new Int32Array(1)
    readSync(fd, value)
    return value[0] as number
  } finally {
    closeSync(fd)
  }
}

describe('holdWakeLatency', () => {
  it('asks for a latency of 0 until it lets go', { skip: mayNot }, () => {
    const before = latencyUs()
    const release = holdWakeLatency()
    expect(latencyUs()).toBe(0)
    release?.()
    expect(latencyUs()).toBe(before)
  })

  it('is undefined where the process may not', { skip: !mayNot }, () => {
    expect(holdWakeLatency()).toBeUndefined()
  })
})
