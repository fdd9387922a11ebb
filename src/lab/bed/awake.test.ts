import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { seenIdleThreads } from '../../../test/support/idle-threads-seen.js'
import { allowedCpus } from '../../sys/affinity.js'
import { BedAwake } from './awake.js'

const made: BedAwake[] = []
afterEach(async () => {
  for (const awake of made.splice(0)) await awake.keep(false)
})
function newAwake(): BedAwake {
  const awake = new BedAwake()
  made.push(awake)
  return awake
}
/** Waits for processor time of the idle class, which others may keep from us for long. */
async function untilBurnt(awake: BedAwake, seconds: number): Promise<void> {
  while (awake.burntS() < seconds) await sleep(5)
}

describe('BedAwake', () => {
  it('BedAwake has a thread for each processor while it keeps them awake, and none before and after', async () => {
    const before = seenIdleThreads().length
    const awake = newAwake()
    expect([awake.cpus, seenIdleThreads().length]).toEqual([[], before])
    await awake.keep(true)
    expect(awake.cpus).toEqual(allowedCpus(0))
    expect(seenIdleThreads()).toHaveLength(before + awake.cpus.length)
    await awake.keep(false)
    expect(awake.cpus).toEqual([])
    await expect.poll(() => seenIdleThreads().length).toBe(before)
  })

  it('BedAwake tells what it has burnt, of threads that have ended too', async () => {
    const awake = newAwake()
    expect(awake.burntS()).toBe(0)
    await awake.keep(true)
    // More than the slices of two threads on most machines: it says again that they shall spin.
    await untilBurnt(awake, 0.3)
    await awake.keep(false)
    const first = awake.burntS()
    expect(first).toBeGreaterThanOrEqual(0.3)
    await sleep(20)
    expect(awake.burntS()).toBe(first)
    await awake.keep(true)
    await untilBurnt(awake, first + 0.05)
  })

  it('BedAwake starts nothing twice', async () => {
    const awake = newAwake()
    await awake.keep(true)
    const { cpus } = awake
    await awake.keep(true)
    expect(awake.cpus).toBe(cpus)
  })
})
