import { describe, expect, it } from 'vitest'
import { type BedSpec, bedSchema } from './bed.js'
import { bedTag, deviceName, freeOctet, planVms, portName } from './plan.js'

const spec = (vms: unknown[]): BedSpec => bedSchema.parse({ vms })

describe('planVms', () => {
  it('planVms puts NIC k of every VM into subnet k', () => {
    const plans = planVms(
      spec([
        { name: 'a', kind: 'uml', nics: 2 },
        { name: 'b', kind: 'netns' },
      ]),
      '00abc0',
    )
    expect(plans.map((plan) => plan.nics.map((nic) => [nic.port, nic.address, nic.mac]))).toEqual([
      [
        ['a', '10.118.0.1', '02:72:66:00:00:00'],
        ['a.1', '10.118.1.1', '02:72:66:00:00:01'],
      ],
      [['b', '10.118.0.2', '02:72:66:00:01:00']],
    ])
    expect(plans.map((plan) => plan.guestName)).toEqual(['a-00abc0', 'b-00abc0'])
  })

  it('planVms gives every NIC of the largest bed names of its own that the kernel takes', () => {
    const vms = Array.from({ length: 64 }, (_, i) => ({ name: `vm${i}`, kind: 'netns', nics: 8 }))
    const nics = planVms(spec(vms), bedTag(4_194_304, 35)).flatMap((plan) => plan.nics)
    const names = nics.flatMap((nic) => [nic.device, nic.outer])
    expect(new Set(names).size).toBe(64 * 8 * 2)
    for (const name of names) expect(name).toMatch(/^[a-z0-9]{1,15}$/)
    expect(new Set(nics.map((nic) => nic.mac)).size).toBe(64 * 8)
    expect(new Set(nics.map((nic) => nic.address)).size).toBe(64 * 8)
  })

  it('planVms refuses two VMs of one name', () => {
    const vms = ['a', 'a'].map((name) => ({ name, kind: 'netns' }))
    expect(() => planVms(spec(vms), '00abc0')).toThrow(/two VMs have the name "a"/)
  })
})

describe('names', () => {
  it('bedTag differs between beds of one process and between processes', () => {
    const tags = [bedTag(1, 0), bedTag(1, 1), bedTag(36, 0), bedTag(4_194_304, 0)]
    expect(new Set(tags).size).toBe(4)
    for (const tag of tags) expect(tag).toHaveLength(6)
  })

  it('deviceName and portName say which VM and NIC', () => {
    expect(deviceName('00abc0', 't', 11, 3)).toBe('rf00abc0t0b3')
    expect([portName('a', 0), portName('a', 2)]).toEqual(['a', 'a.2'])
  })
})

describe('freeOctet', () => {
  it('freeOctet takes the first that the host does not use', () => {
    expect(freeOctet(['127.0.0.1', '10.1.118.9'])).toBe(118)
    expect(freeOctet(['10.118.3.1', '10.119.0.1'])).toBe(120)
  })

  it('freeOctet gives up when all are used', () => {
    const used = Array.from({ length: 10 }, (_, i) => `10.${118 + i}.0.1`)
    expect(() => freeOctet(used)).toThrow(/stop a bed/)
  })
})
