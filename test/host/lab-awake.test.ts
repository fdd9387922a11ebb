/** A bed whose processors are kept awake, whatever its switch. */
import { afterEach, describe, expect, it } from 'vitest'
import { bedSchema, type HostBed } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { machineSeconds } from '../../src/lab/bed/processor-times.js'
import { awakeProcesses } from '../support/awake-processes.js'
import { able } from './support/network.js'

let bed: HostBed | undefined
afterEach(() => bed?.stop())

describe.runIf(able())('a bed that is kept awake', () => {
  const vms = ['a', 'b'].map((name) => ({ name, kind: 'netns' }))
  const spec = (kind: string, awake: boolean) => bedSchema.parse({ switch: { kind }, awake, vms })

  it.each([
    'none',
    'bridge',
    'ringferry',
  ])('burns idle time, told apart, with the switch %s', async (kind) => {
    bed = await buildBed(spec(kind, true), { progress: () => {}, signal: new AbortController().signal })
    expect(awakeProcesses().length).toBeGreaterThan(0)
    expect(await bed.describe()).toMatchObject({ awake: { cpus: expect.anything() } })
    await expect.poll(() => bed?.sample().burntS, { timeout: 60_000 }).toBeGreaterThan(0.1)
    const { busyS, burntS } = bed.sample()
    // What it burns is not in the host's time. Between both readings others may have worked.
    expect(busyS).toBeLessThanOrEqual(machineSeconds().busyS - burntS)
    expect(await bed.reshape(spec(kind, false))).toBe(true)
    await expect.poll(() => awakeProcesses().length, { timeout: 60_000 }).toBe(0)
    expect(await bed.describe()).toMatchObject({ awake: false })
    expect(bed.sample().burntS).toBeGreaterThanOrEqual(burntS)
    expect(await bed.reshape(spec(kind, true))).toBe(true)
    expect(awakeProcesses().length).toBeGreaterThan(0)
    await bed.stop()
    await expect.poll(() => awakeProcesses().length, { timeout: 60_000 }).toBe(0)
  })
})
