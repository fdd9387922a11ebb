import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bed, bedSchema } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { installedKernels } from '../../src/lab/guest/kernel.js'
import { QEMU_PROGRAM } from '../../src/lab/guest/qemu.js'
import { findTool } from '../../src/lab/guest/tools.js'
import { findWorkload } from '../../src/lab/workload/registry.js'
import type { WorkloadResult } from '../../src/lab/workload/workload.js'
import { able } from './support/network.js'

const NEEDED = [QEMU_PROGRAM, 'mke2fs', 'nginx', 'wrk']
const missing = NEEDED.filter((name) => findTool(name) === undefined)
if (missing.length > 0) console.log(`skipped: ${missing.join(', ')} missing`)
/** Each is tried when nothing was answered in the one before: how slow an emulated guest is depends on the machine. */
const WINDOWS_S = [1, 5, 25]

describe.runIf(able('tap') && missing.length === 0 && installedKernels().length > 0)(
  'workloads on a qemu VM with little memory',
  () => {
    let bed: Bed
    let slot = 0

    beforeAll(async () => {
      const vms = [
        { name: 'q', kind: 'qemu', memoryMb: 192 },
        { name: 'c', kind: 'netns' },
      ]
      bed = await buildBed(bedSchema.parse({ vms }), {
        progress: () => {},
        signal: new AbortController().signal,
      })
    })
    afterAll(() => bed?.stop())

    /** Prepares, measures, closes. */
    async function once(
      name: string,
      settings: object,
      measureS: number,
      vm: string,
    ): Promise<WorkloadResult> {
      const workload = findWorkload(name)
      const peer = vm === 'q' ? 'c' : 'q'
      const site = { bed, vm: bed.vm(vm), peer: bed.vm(peer), slot: slot++, seed: 7 }
      const prepared = await workload.prepare(site, workload.settings.parse(settings))
      try {
        return await prepared.run({ warmUpS: 0.2, measureS, signal: new AbortController().signal })
      } finally {
        await prepared.close()
      }
    }

    async function measure(name: string, settings: object, vm = 'q'): Promise<WorkloadResult> {
      expect(findWorkload(name).runsOn).toContain('qemu')
      const [first, ...longer] = WINDOWS_S
      let result = once(name, settings, first as number, vm)
      for (const measureS of longer)
        result = result.catch((error) => {
          if (/no answer/.test(error.message)) return once(name, settings, measureS, vm)
          throw error
        })
      return await result
    }

    it('latency and connections come from Node inside, which lies on a disk', async () => {
      const [probes, connections] = await Promise.all([
        measure('latency', { rateFps: 20 }),
        measure('request-response', { mode: 'crr' }),
      ])
      expect(probes.ran?.due).toBeGreaterThan(0)
      expect(probes.metrics.p50Us).toBeGreaterThan(1)
      expect(connections.metrics.connectionsPerS).toBeGreaterThan(0)
      const { stdout } = await bed
        .vm('q')
        .guest.run('readlink /usr/bin/node; grep " /programs " /proc/mounts')
      expect(stdout).toMatch(/^\/programs\/usr\/bin\/node\n\/dev\/vda \/programs ext4 ro/)
    })

    it('web has its server inside, or its client', async () => {
      const [served, asked] = await Promise.all([
        measure('web', { fileKb: 1, connections: 2 }),
        measure('web', { fileKb: 1, connections: 2 }, 'c'),
      ])
      expect(served.ran?.requests).toBeGreaterThan(0)
      expect(asked.ran?.requests).toBeGreaterThan(0)
    })

    it('file, streaming and migration run side by side, and leave nothing', async () => {
      const [file, streaming, migration] = await Promise.all([
        measure('file', { fileMb: 1, blockKb: 4, concurrency: 1 }),
        measure('streaming', { flows: 1, mbpsPerFlow: 0.5, segmentS: 0.1, bufferS: 0.2 }),
        measure('migration', { memoryMb: 1, dirtyMbps: 0 }),
      ])
      expect(file?.metrics.requestsPerS).toBeGreaterThan(0)
      expect(streaming?.metrics.mbps).toBeGreaterThan(0)
      expect(migration?.ran?.migrations).toBeGreaterThan(0)
      const { stdout } = await bed.vm('q').guest.run('ls /tmp; ps | grep -c "[n]ode\\|[n]ginx"; true')
      expect(stdout).toBe('0\n')
    })
  },
)
