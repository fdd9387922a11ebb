import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { awakeProcesses } from '../../../test/support/awake-processes.js'
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
  it('BedAwake keeps all processors awake from a process that weighs least, and ends it', async () => {
    const before = awakeProcesses().length
    const awake = newAwake()
    expect([awake.cpus, awakeProcesses().length]).toEqual([[], before])
    await awake.keep(true)
    expect(awake.cpus).toEqual(allowedCpus(0))
    expect(awakeProcesses().map(({ autogroup }) => autogroup)).toEqual([
      expect.stringMatching(/^$| nice 19$/),
    ])
    await awake.keep(true)
    expect(awakeProcesses()).toHaveLength(before + 1)
    await awake.keep(false)
    expect([awake.cpus, awakeProcesses().length]).toEqual([[], before])
  })

  it('BedAwake tells what it has burnt, of processes that have ended too', async () => {
    const awake = newAwake()
    expect(awake.burntS()).toBe(0)
    await awake.keep(true)
    // More than a start takes, and than the first slices of the threads on most machines.
    await untilBurnt(awake, 0.4)
    await awake.keep(false)
    const first = awake.burntS()
    expect(first).toBeGreaterThanOrEqual(0.4)
    await sleep(30)
    expect(awake.burntS()).toBe(first)
    await awake.keep(true)
    await untilBurnt(awake, first + 0.05)
  })
})
