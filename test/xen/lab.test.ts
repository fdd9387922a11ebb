/** The emulated Xen as a bed of the lab: both backends on one machine, sampled inside. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bed, bedSchema } from '../../src/lab/bed/bed.js'
import { startBed } from '../../src/lab/bed/start.js'
import { hostAddress } from '../../src/lab/bed/xen-plan.js'
import type { Metrics } from '../../src/lab/record/metrics.js'
import { measureWindow } from '../../src/lab/run/window.js'
import { findWorkload } from '../../src/lab/workload/registry.js'

const { signal } = new AbortController()
const WINDOW = { warmUpS: 0.5, measureS: 2, signal }
const spec = (change: object) =>
  bedSchema.parse({
    switch: change,
    vms: [
      { name: 'a', kind: 'xen' },
      { name: 'b', kind: 'xen' },
      { name: 'dom0', kind: 'host' },
    ],
  })

let bed: Bed

beforeAll(async () => {
  bed = await startBed(spec({ kind: 'ringferry', policy: 'natural' }), { progress: () => {}, signal })
})

afterAll(() => bed?.stop())

/** One workload, and what the bed counted meanwhile. */
async function measure(run: string, vm: string, peer: string, settings: object): Promise<Metrics> {
  const workload = findWorkload(run)
  const site = { bed, vm: bed.vm(vm), peer: bed.vm(peer), slot: 0, seed: 1 }
  const prepared = await workload.prepare(site, workload.settings.parse(settings))
  try {
    const running = prepared.run(WINDOW)
    running.catch(() => {})
    const before = await bed.sample()
    const { metrics } = await running
    return { ...measureWindow(before, await bed.sample(), vm).metrics, ...metrics }
  } finally {
    await prepared.close()
  }
}

describe('a bed of Xen', () => {
  it('counts frames, grant operations, their lists and events of small frames by Ringferry, a policy at a time', async () => {
    const natural = await measure('pktgen', 'b', 'a', { direction: 'to_vm' })
    expect(await bed.reshape(spec({ kind: 'ringferry', policy: 'per-packet' }))).toBe(true)
    const perPacket = await measure('pktgen', 'b', 'a', { direction: 'to_vm' })
    for (const { fps = 0, grantOperationsPerFrame = 0, eventsPerFrame = 0 } of [natural, perPacket]) {
      expect(fps).toBeGreaterThan(0)
      expect(eventsPerFrame).toBeGreaterThan(0)
      // Out of the sender's page, and into the receiver's.
      expect(grantOperationsPerFrame).toBeGreaterThan(1)
    }
    expect(perPacket.grantListsPerFrame).toBeGreaterThan(natural.grantListsPerFrame ?? 1)
  })

  it('carries TCP from a guest to the driver domain by Ringferry', async () => {
    const { mbps, driverCpu, guestCpu } = await measure('bulk', 'a', 'dom0', { direction: 'from_vm' })
    for (const value of [mbps, driverCpu, guestCpu]) expect(value).toBeGreaterThan(0)
  })

  it("takes the kernel's netback without a reboot, and says what it was", async () => {
    expect(await bed.reshape(spec({ kind: 'bridge' }))).toBe(true)
    expect(bed.vm('dom0').addresses).toEqual([hostAddress('bridge')])
    const { fps, grantOperationsPerFrame } = await measure('pktgen', 'a', 'dom0', { direction: 'from_vm' })
    expect(fps).toBeGreaterThan(0)
    expect(grantOperationsPerFrame).toBeGreaterThan(0)
    expect(await bed.describe()).toMatchObject({
      switch: { kind: 'bridge', version: expect.stringMatching(/^Linux /), backend: 'xen-netback' },
      xen: { hypervisor: expect.stringMatching(/^Xen 4\./), cpus: 1 },
      vms: { a: { kind: 'xen', interfaces: [expect.stringMatching(/^eth/)] }, dom0: { interfaces: ['br0'] } },
    })
  })

  it('refuses to become another machine', async () => {
    const other = bedSchema.parse({ ...spec({ kind: 'bridge' }), xen: { cpus: 2 } })
    expect(await bed.reshape(other)).toBe(false)
  })
})
