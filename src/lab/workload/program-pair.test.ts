import { describe, expect, it } from 'vitest'
import { fileResult, fileWorkload } from './file.js'
import { migrationResult, migrationWorkload } from './migration.js'
import { segmentBytes, streamingResult, streamingWorkload } from './streaming.js'
import { nginxConfiguration, webWorkload } from './web.js'
import type { Workload, WorkloadSite } from './workload.js'

const delays = { count: 2, meanUs: 150, maxUs: 200, delays: [[100, 1] as const, [200, 1] as const] }

describe('workload settings', () => {
  it('are complete by default', () => {
    expect(webWorkload.settings.parse({})).toEqual({
      fileKb: 10,
      connections: 16,
      threads: 1,
      keepAlive: true,
    })
    expect(streamingWorkload.settings.parse({})).toEqual({
      ...{ flows: 8, mbpsPerFlow: 4, segmentS: 0.5, bufferS: 1 },
    })
  })

  it('refuse what cannot be', () => {
    expect(() => webWorkload.settings.parse({ fileKb: 11 })).toThrow()
    expect(() => webWorkload.settings.parse({ threads: 4, connections: 2 })).toThrow(/needs a connection/)
    expect(() => streamingWorkload.settings.parse({ segmentS: 2 })).toThrow(/bufferS is below segmentS/)
    expect(() => fileWorkload.settings.parse({ fileMb: 1, blockKb: 768 })).toThrow(/whole blocks/)
    expect(() => migrationWorkload.settings.parse({ workingSetShare: 2 })).toThrow()
  })
})

describe('prepare', () => {
  const vm = (kind: string) => ({ name: kind, kind, addresses: ['10.0.0.1'] })
  const all: Workload[] = [webWorkload, streamingWorkload, fileWorkload, migrationWorkload]
  for (const workload of all) {
    it(`${workload.name} throws UNSUPPORTED on an embedded VM and CONFIG without a peer`, async () => {
      const site = { vm: vm('embedded'), peer: vm('uml'), slot: 0, seed: 1 } as unknown as WorkloadSite
      const settings = workload.settings.parse({})
      await expect(workload.prepare(site, settings)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      const alone = { ...site, peer: undefined }
      await expect(workload.prepare(alone, settings)).rejects.toMatchObject({ code: 'CONFIG' })
    })
  }
})

describe('results', () => {
  it('streamingResult has the rate, and the stalled share of all flows', () => {
    const settings = { flows: 4, mbpsPerFlow: 4, segmentS: 0.5, bufferS: 1 }
    expect(segmentBytes(settings)).toBe(250_000)
    const counted = { seconds: 2, bytes: 1e6, rebuffers: 3, stalledS: 2, jitterUs: null, errors: 0 }
    const { metrics } = streamingResult({ ...delays, ...counted, lastError: '' }, settings)
    expect(metrics).toMatchObject({ mbps: 4, rebuffers: 3, stalledRatio: 0.25, p50Us: 100, maxUs: 200 })
    expect(metrics).not.toHaveProperty('jitterUs')
  })

  it('fileResult turns requests into rates', () => {
    const counted = { seconds: 2, reads: 3, writes: 1, errors: 0, lastError: '' }
    const settings = { fileMb: 1, blockKb: 125, readShare: 0.7, concurrency: 1 }
    const { metrics } = fileResult({ ...delays, ...counted }, settings)
    expect(metrics).toMatchObject({ requestsPerS: 2, readMbps: 1.536, writeMbps: 0.512, mbps: 2.048 })
  })

  it('migrationResult has medians, and the plan for a line of that speed', () => {
    const one = (totalS: number, downtimeS: number) => ({
      ...{ totalS, downtimeS, endS: totalS, rounds: 2, sentBytes: totalS * 1e6 },
    })
    const settings = migrationWorkload.settings.parse({ dirtyMbps: 0, memoryMb: 1 })
    const report = { migrations: [one(1, 0.3), one(2, 0.1), one(5, 0.2)], overrunS: 0 }
    const { metrics, ran } = migrationResult(report, settings)
    expect(metrics).toEqual({ migrationS: 2, downtimeMs: 200, mbps: 8 })
    expect(ran).toMatchObject({ migrations: 3, plan: { rounds: 1, downtimeMs: 0 } })
    expect(() => migrationResult({ migrations: [], overrunS: 0 }, settings)).toThrow(/none was finished/)
  })
})

describe('nginxConfiguration', () => {
  it('keeps all that nginx writes in the folder given', () => {
    const text = nginxConfiguration('/tmp/f', '10.0.0.1', 20_000)
    expect(text).toContain('listen 10.0.0.1:20000')
    const written = [...text.matchAll(/(?:_temp_path|pid) (\S+);/g)].map((match) => match[1])
    expect(written).toHaveLength(6)
    for (const path of written) expect(path).toMatch(/^\/tmp\/f\//)
  })
})
