/** The workload `frames` from an embedded VM to a program in a guest with a kernel of its own. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Bed, bedSchema } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { allProcesses } from '../../src/lab/guest/processes.js'
import { frames } from '../../src/lab/workload/frames.js'
import type { WorkloadResult } from '../../src/lab/workload/workload.js'
import { nthCpu } from '../../src/sys/affinity.js'

const control = new AbortController()
let bed: Bed
beforeAll(async () => {
  const vms = [
    { name: 'a', kind: 'uml', cpu: 0 },
    { name: 'b', kind: 'embedded' },
    { name: 'c', kind: 'embedded' },
  ]
  const spec = bedSchema.parse({ switch: { policy: 'natural' }, vms })
  bed = await buildBed(spec, { progress: () => {}, signal: control.signal })
}, 60_000)
afterAll(() => bed?.stop())

async function measure(settings: object): Promise<WorkloadResult> {
  const site = { bed, vm: bed.vm('a'), peer: bed.vm('b'), slot: 0, seed: 1 }
  const prepared = await frames.prepare(site, frames.settings.parse(settings))
  try {
    return await prepared.run({ warmUpS: 0.2, measureS: 0.5, signal: control.signal })
  } finally {
    await prepared.close()
  }
}

it('frames measures rate and loss, and no delay, when the receiver is a guest with a kernel', async () => {
  for (;;) {
    const { metrics, series, ran } = await measure({ rateFps: 1000, frameBytes: 200 })
    // Where others have the processors, a window may pass without any.
    if (metrics.fps === 0) continue
    expect(metrics.mbps).toBeCloseTo(((metrics.fps as number) * 200 * 8) / 1e6, 3)
    expect(metrics.lossRatio).toBeLessThanOrEqual(1)
    expect(metrics).not.toHaveProperty('p99Us')
    expect(series).toBeUndefined()
    expect(ran).toMatchObject({ paced: true, receiver: expect.stringContaining('a program in the guest') })
    break
  }
  // Once more on the same bed: the addresses are there already.
  expect((await measure({ rateFps: 100 })).ran).toMatchObject({ paced: true })
})

it('frames measures rate and loss when the sender is a guest with a kernel', async () => {
  const settings = { direction: 'from_vm', arrivals: 'burst', burstFrames: 8, rateFps: 800, frameBytes: 200 }
  for (;;) {
    const { metrics, ran } = await measure(settings)
    if (metrics.fps === 0) continue
    expect(metrics.mbps).toBeCloseTo(((metrics.fps as number) * 200 * 8) / 1e6, 3)
    expect(metrics.lossRatio).toBeLessThanOrEqual(1)
    expect(ran).toMatchObject({ sender: expect.stringContaining('a program in the guest') })
    break
  }
})

it('frames refuses what a program in a guest does not send', async () => {
  await expect(measure({ direction: 'from_vm', rateFps: 100 })).rejects.toMatchObject({
    code: 'CONFIG',
    message:
      'frames: a is uml, whose program sends one size at one rate, constant or in bursts, in one flow; arrivals is poisson',
  })
})

it('frames refuses further receivers when one of them has a kernel', async () => {
  await expect(measure({ also: ['c'] })).rejects.toMatchObject({
    code: 'CONFIG',
    message: 'frames: also is for embedded VMs alone; a is uml',
  })
})

/** Where each thread of a guest may run; threads that end meanwhile have no say. */
function placesOf(guest: string): string[] {
  return allProcesses().flatMap(({ pid }) => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`umid=${guest}`)) return []
      return readdirSync(`/proc/${pid}/task`).map((thread) => {
        const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
        return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? ''
      })
    } catch {
      return []
    }
  })
}

it('a bed binds all threads of a guest to the processor that it names', () => {
  expect(new Set(placesOf(bed.vm('a').guest.name))).toEqual(new Set([String(nthCpu(0))]))
})
