import { describe, expect, it } from 'vitest'
import type { XenConfig } from '../config.js'
import { withToolstack } from './xen-port.js'

const port = (more: Partial<XenConfig> = {}): XenConfig => ({
  kind: 'xen',
  name: 'web',
  guest: 'web',
  ...more,
})
const told = { mac: '00:16:3e:00:00:01', rate: { bytes: 102_400, intervalUs: 50_000 } }

describe('withToolstack', () => {
  it('withToolstack limits what the guest sends when its vif has a rate', () => {
    expect(withToolstack(port(), told)).toEqual(port({ fromVm: { averageKiB: 2000, burstKiB: 100 } }))
  })

  it('withToolstack holds the guest to the MAC address of its vif when the port is to', () => {
    expect(withToolstack(port({ ownMac: true }), { ...told, rate: undefined }).macs).toEqual([told.mac])
    expect(withToolstack(port({ ownMac: false }), told).macs).toBeUndefined()
  })

  it("withToolstack leaves the port's own settings when it has some", () => {
    const own = port({ ownMac: true, macs: ['02:00:00:00:00:01'], fromVm: { framesPerSecond: 5 } })
    expect(withToolstack(own, told)).toEqual(own)
  })

  it('withToolstack changes nothing when the toolstack says nothing', () => {
    expect(withToolstack(port({ ownMac: true }), { mac: undefined, rate: undefined })).toEqual(
      port({ ownMac: true }),
    )
  })
})
