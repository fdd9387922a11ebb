import { describe, expect, it } from 'vitest'
import { expectError } from '../../test/support/expect-error.js'
import { NO_VLAN, PORT_ISOLATED, PORT_TRANSPARENT, PORT_TRUNK } from '../core/layout.js'
import type { PortSettings } from './config.js'
import { readSettings } from './settings.js'

const read = (settings: Partial<PortSettings>) => readSettings({ name: 'web', ...settings })
const carried = (vlans: Uint8Array): number[] =>
  Array.from({ length: vlans.length * 8 }, (_, vlan) => vlan).filter(
    (vlan) => ((vlans[vlan >> 3] as number) & (1 << (vlan & 7))) !== 0,
  )

describe('readSettings', () => {
  it('readSettings makes an access port, a trunk and a port that carries all of what is said of VLANs', () => {
    const access = read({ vlan: 10, isolated: true })
    expect([access.flags, access.nativeVlan, carried(access.vlans)]).toEqual([PORT_ISOLATED, 10, []])
    const trunk = read({ trunk: [3, 4094] })
    expect([trunk.flags, trunk.nativeVlan, carried(trunk.vlans)]).toEqual([PORT_TRUNK, NO_VLAN, [3, 4094]])
    expect(read({ trunk: [3], nativeVlan: 7 }).nativeVlan).toBe(7)
    const plain = read({})
    expect([plain.flags, plain.nativeVlan]).toEqual([PORT_TRUNK | PORT_TRANSPARENT, 0])
    expect(carried(plain.vlans)).toHaveLength(4096)
  })

  it.each<[Partial<PortSettings>, RegExp, readonly PropertyKey[]]>([
    [{ vlan: 0 }, /^port web: vlan is 0; it must be a whole number from 1 to 4094$/, ['vlan']],
    [{ trunk: [3, 4095] }, /^port web: trunk\[1\] is 4095; /, ['trunk', 1]],
    [{ mtu: 67 }, /^port web: mtu is 67; it must be a whole number from 68 to 65535$/, ['mtu']],
    [{ maxAddresses: 0.5 }, /^port web: maxAddresses is 0.5; /, ['maxAddresses']],
    [{ vlan: 1, trunk: [2] }, /^port web: trunk makes a trunk, and vlan an access port; give one/, ['trunk']],
    [{ nativeVlan: 1 }, /^port web: nativeVlan is for trunks; /, ['nativeVlan']],
    [{ macs: ['02:00:00:00:00:01', 'x'] }, /^port web: macs\[1\] is "x"; /, ['macs', 1]],
    [{ toVm: { burstKiB: 1 } }, /^port web: toVm.burstKiB needs averageKiB/, ['toVm', 'burstKiB']],
  ])('readSettings says what is wrong and where when given %j', (settings, message, path) => {
    expectError(() => read(settings), 'CONFIG', message)
    expect(() => read(settings)).toThrow(expect.objectContaining({ path }))
  })
})
