/** The frame workloads on a bed of embedded VMs: a real switch thread, real vrings, generator and meter threads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bedSchema, type HostBed } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { frames } from '../../src/lab/workload/frames.js'
import { rfc2544 } from '../../src/lab/workload/rfc2544.js'
import type { Workload, WorkloadResult } from '../../src/lab/workload/workload.js'

const WINDOW = { warmUpS: 0.1, measureS: 0.3 }

describe('frame workloads', () => {
  let bed: HostBed
  const control = new AbortController()

  beforeAll(async () => {
    const vms = ['a', 'b'].map((name) => ({ name, kind: 'embedded' }))
    const spec = bedSchema.parse({ switch: { policy: 'natural' }, vms })
    bed = await buildBed(spec, { progress: () => {}, signal: control.signal })
  })
  afterAll(async () => {
    await bed?.stop()
  })

  async function measure<S>(
    workload: Workload<S>,
    settings: object,
    window: Partial<typeof WINDOW> = {},
    signal: AbortSignal = control.signal,
  ): Promise<WorkloadResult> {
    const site = { bed, vm: bed.vm('a'), peer: bed.vm('b'), slot: 0, seed: 1 }
    const prepared = await workload.prepare(site, workload.settings.parse(settings))
    try {
      return await prepared.run({ ...WINDOW, ...window, signal })
    } finally {
      await prepared.close()
    }
  }

  /** Windows of frames until one has some: where others have the processors, one may pass without. */
  async function measureSome(settings: object): Promise<WorkloadResult> {
    for (;;) {
      const result = await measure(frames, settings)
      if ((result.metrics.fps as number) > 0) return result
    }
  }

  it.each([
    'to_vm',
    'from_vm',
  ])('frames measures rate, loss and delay when the direction is %s', async (direction) => {
    const { metrics, series, ran } = await measureSome({ rateFps: 1000, frameBytes: 200, direction })
    expect(metrics.mbps).toBeCloseTo(((metrics.fps as number) * 200 * 8) / 1e6, 3)
    expect(metrics.lossRatio).toBeLessThanOrEqual(1)
    expect(metrics.p50Us).toBeGreaterThan(0)
    expect(metrics.p99Us).toBeGreaterThanOrEqual(metrics.p50Us as number)
    // What was lost is late for ever, which no largest delay of those that came can be.
    if (metrics.lossRatio === 0)
      expect(metrics.maxUs).toBeGreaterThanOrEqual((metrics.p999Us as number) * 0.99)
    expect(series?.percentiles?.length).toBe(13)
    expect(ran).toMatchObject({ paced: true, duplicated: 0 })
  })

  it('frames moves more than a paced sender would when the rate is 0', async () => {
    const { metrics, ran } = await measure(frames, { frameBytes: 'imix' })
    expect(metrics.fps).toBeGreaterThan(1000)
    expect(ran).toMatchObject({ paced: false, late: 0 })
  })

  it('frames go to several VMs in turn, bound to the processor of the switch', async () => {
    const vms = ['a', 'b', 'c'].map((name) => ({ name, kind: 'embedded', cpu: name === 'b' ? 1 : 0 }))
    const shared = await buildBed(bedSchema.parse({ switch: { cpu: 0 }, vms }), {
      progress: () => {},
      signal: control.signal,
    })
    try {
      const site = { bed: shared, vm: shared.vm('a'), peer: shared.vm('b'), slot: 0, seed: 1 }
      const settings = frames.settings.parse({ rateFps: 1000, also: ['c'], flows: 4 })
      const prepared = await frames.prepare(site, settings)
      const got = (): (number | undefined)[] =>
        ['a', 'c'].map((name) => shared.sample().ports[name]?.toVmFrames)
      try {
        do await prepared.run({ ...WINDOW, signal: control.signal })
        while (got().some((count) => (count ?? 0) < 10))
      } finally {
        await prepared.close()
      }
      const [first = 0, second = 0] = got()
      // One in turn: what one port has more is at most what is lost or floods before its address is known.
      expect(Math.abs(first - second)).toBeLessThan(Math.max(first, second))
    } finally {
      await shared.stop()
    }
  })

  it('rfc2544 gives all its metrics, in order of size, when all tests run', async () => {
    const settings = { trialS: 0.05, resolution: 0.2, repeats: 1, pdrLoss: 0.05 }
    const { metrics, series, ran } = await measure(rfc2544, settings)
    expect(ran).toMatchObject({ trialS: 0.05, repeats: 1 })
    expect(metrics.pdrFps).toBeGreaterThanOrEqual(metrics.ndrFps as number)
    expect(metrics.backToBackFrames).toBeGreaterThanOrEqual(0)
    for (const value of Object.values(metrics)) expect(Number.isFinite(value)).toBe(true)
    expect(['ndr', 'pdr', 'none']).toContain(ran?.loadsOf)
    if (ran?.loadsOf !== 'none') expect(series?.lossByLoad?.map(([load]) => load)).toContain(100)
  })

  it('rfc2544 rejects and leaves its VMs free when it is aborted', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 500)
    await expect(measure(rfc2544, { trialS: 0.2 }, {}, abort.signal)).rejects.toThrow()
    const { metrics } = await measureSome({ rateFps: 500 })
    expect(metrics.fps).toBeGreaterThan(0)
  })
})
