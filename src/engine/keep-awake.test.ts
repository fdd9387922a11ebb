import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { allParked, seenIdleThreads } from '../../test/support/idle-threads-seen.js'
import { Globals } from '../core/globals.js'
import { C_CALLS, G_WAKE_US, G_WAKES, P_COUNTERS } from '../core/layout.js'
import { LinearMemory } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import { allowedCpus } from '../sys/affinity.js'
import { KeepAwake } from './keep-awake.js'

const MB = 1 << 20
const ROW = 3
const MANY = 10_000

const open: KeepAwake[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(2)
}

/** Keeping awake beside an engine whose memory the test writes. */
function made(wakeUs = 20) {
  const memory = new LinearMemory(64 * MB)
  const globals = new Globals(memory)
  const row = new PortRow(memory, ROW)
  globals.setF64(G_WAKE_US, wakeUs)
  const keep = new KeepAwake(memory.memory.buffer as unknown as SharedArrayBuffer, () => [ROW])
  open.push(keep)
  let traffic: NodeJS.Timeout | undefined
  return {
    keep,
    /** Something wakes up all the time, counted by the engine, or as calls to a guest. */
    flow(how: 'wakes' | 'calls' | 'none') {
      clearInterval(traffic)
      traffic = undefined
      if (how === 'none') return
      const calls = P_COUNTERS + C_CALLS * 8
      traffic = setInterval(() => {
        if (how === 'wakes') globals.set(G_WAKES, globals.get(G_WAKES) + MANY)
        else row.setU64(calls, row.getU64(calls) + BigInt(MANY))
      }, 2)
      traffic.unref()
    },
  }
}

describe('KeepAwake', () => {
  it('starts no thread while its share is 0', async () => {
    const { keep, flow } = made()
    flow('wakes')
    await sleep(100)
    expect(keep.tuning).toMatchObject({ share: 0, state: 'off', cpus: [], burntUs: 0, asleepUs: 20 })
    expect(seenIdleThreads()).toEqual([])
  })

  it.each([
    'wakes',
    'calls',
  ] as const)('is on while %s come, and parks its threads when they end', async (how) => {
    const { keep, flow } = made()
    keep.share = 1
    await until(() => keep.tuning.state === 'quiet' && keep.tuning.cpus.length > 0)
    expect(keep.tuning.cpus).toEqual(allowedCpus(process.pid))
    flow(how)
    await until(() => keep.tuning.state === 'on' && keep.tuning.burntUs > 1_000)
    flow('none')
    await until(() => keep.tuning.state === 'quiet')
    await until(allParked)
    const { burntUs } = keep.tuning
    await sleep(50)
    expect(keep.tuning.burntUs).toBe(burntUs)
  })

  it('is off at once when its share becomes 0, and keeps count of what was burnt', async () => {
    const { keep, flow } = made()
    keep.share = 1
    flow('wakes')
    await until(() => keep.tuning.burntUs > 1_000)
    keep.share = 0
    await until(allParked)
    expect(keep.tuning).toMatchObject({ share: 0, state: 'off' })
    const { burntUs } = keep.tuning
    await keep.close()
    expect(keep.tuning.burntUs).toBeGreaterThanOrEqual(burntUs)
    await until(() => seenIdleThreads().length === 0)
  })

  it('is cheap where a wake-up costs nothing or is not known', async () => {
    for (const wakeUs of [1, Number.NaN]) {
      const { keep, flow } = made(wakeUs)
      keep.share = 1
      flow('wakes')
      await until(() => keep.tuning.state === 'cheap')
      expect(keep.tuning.burntUs).toBeLessThan(20_000)
      await keep.close()
    }
  })

  it('leaves no thread behind when closed while on', async () => {
    const { keep, flow } = made()
    keep.share = 1
    flow('wakes')
    await until(() => keep.tuning.state === 'on')
    await keep.close()
    await until(() => seenIdleThreads().length === 0)
  })
})
