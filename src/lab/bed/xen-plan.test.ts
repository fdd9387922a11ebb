import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../config/config.js'
import { bootKey } from '../run/order.js'
import { bedSchema } from './bed.js'
import { checkPossible, refusalOf } from './refusal.js'
import { guestAddress, guestMac, hostAddress, ringferryConfig, vifsOf, XEN_SWITCHES } from './xen-plan.js'

const GUESTS = [
  { name: 'a', kind: 'xen' },
  { name: 'b', kind: 'xen' },
]
const HOST = { name: 'dom0', kind: 'host' }
const bed = (more: object = {}) =>
  bedSchema.parse({ switch: { kind: 'ringferry' }, vms: [...GUESTS, HOST], ...more })
const withGuest = (more: object) => bed({ vms: [{ ...GUESTS[0], ...more }, HOST] })

describe('refusalOf', () => {
  it('refusalOf lets guests of Xen and their driver domain pass, by either backend', () => {
    for (const kind of XEN_SWITCHES) expect(refusalOf(bed({ switch: { kind } }))).toBeUndefined()
    expect(refusalOf(bed({ xen: { cpus: 2 } }))).toBeUndefined()
    expect(refusalOf(withGuest({ virtualization: 'pvh' }))).toBeUndefined()
  })

  it('refusalOf says why a bed of Xen cannot have what it would not heed', () => {
    const stranger = bed({ vms: [...GUESTS, { name: 'c', kind: 'netns' }] })
    expect(refusalOf(stranger)).toMatch(/^VM c: beside a VM of kind xen .*, not netns$/)
    expect(refusalOf(bed({ vms: [...GUESTS, { name: 'c', kind: 'xen' }] }))).toMatch(/room for 2 VMs/)
    expect(refusalOf(bed({ xen: { cpus: 2, icountShift: 1 } }))).toMatch(/one processor/)
    for (const more of [
      { nics: 2 },
      { memoryMb: 256 },
      { targetUs: 100 },
      { weight: 2 },
      { limitMbps: 1 },
      { thinAcks: true },
    ])
      expect(refusalOf(withGuest(more))).toMatch(/^VM a: .* cannot be had on a bed of Xen$/)
    for (const more of [{ cpu: 0 }, { awake: true }, { isolation: false }])
      expect(refusalOf(bed({ switch: { kind: 'ringferry', ...more } }))).toMatch(/cannot be had/)
    expect(refusalOf(bed({ awake: true }))).toMatch(/^awake cannot be had/)
    expect(refusalOf(bed({ switch: { kind: 'ovs' } }))).toMatch(/needs the kernel's netback/)
  })

  it('refusalOf refuses settings of Xen on a bed of another kind', () => {
    const vms = [{ name: 'a', kind: 'netns' }]
    expect(refusalOf(bed({ vms, xen: {} }))).toMatch(/and there is none$/)
    expect(refusalOf(bed({ vms: [{ ...vms[0], virtualization: 'pv' }] }))).toMatch(/for a VM of kind xen/)
  })

  it('checkPossible throws UNSUPPORTED for a bed of Xen with another switch', () => {
    expect(() => checkPossible(bed({ switch: { kind: 'none' } }))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    )
  })
})

describe('bootKey', () => {
  it('bootKey is one for both backends of Xen, and another for another machine', () => {
    expect(bootKey(bed({ switch: { kind: 'bridge' } }))).toBe(bootKey(bed()))
    expect(bootKey(bed({ xen: { cpus: 2 } }))).not.toBe(bootKey(bed()))
    expect(bootKey(withGuest({ virtualization: 'pvh' }))).not.toBe(bootKey(withGuest({})))
  })
})

describe('the plan of a bed of Xen', () => {
  it('the plan gives each end a MAC and an address of its own in the network of its backend', () => {
    const all = XEN_SWITCHES.flatMap((kind) => [
      hostAddress(kind),
      ...[0, 1].flatMap((place) => [guestMac(place, kind), guestAddress(place, kind)]),
    ])
    expect(new Set(all).size).toBe(10)
    expect(vifsOf(1)).toEqual([
      'mac=00:16:3e:00:00:02,script=vif-ringferry',
      'mac=00:16:3e:00:01:02,script=vif-ringferry',
    ])
  })

  it('ringferryConfig describes the second vif of each guest and the TAP', () => {
    const { ports } = parseConfig(ringferryConfig(['a', 'b']), 'ringferry.yaml')
    expect(ports).toMatchObject([
      { kind: 'xen', name: 'a', guest: 'a', handle: 1 },
      { kind: 'xen', name: 'b', guest: 'b', handle: 1 },
      { kind: 'tap', name: 'tap', device: 'rf0' },
    ])
  })
})
