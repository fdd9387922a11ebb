import { describe, expect, it } from 'vitest'
import { bedSchema, SWITCH_KINDS, VM_KINDS } from './bed.js'
import { CARRIES, checkPossible, refusalOf } from './refusal.js'

const bed = (kind: string, vms: object[]) => bedSchema.parse({ switch: { kind }, vms })
const pair = (kind: string, more: object = {}) => [
  { name: 'a', kind, ...more },
  { name: 'b', kind, ...more },
]

describe('refusalOf', () => {
  it('refusalOf lets a pair of a kind pass exactly when the switch carries the kind', () => {
    for (const make of SWITCH_KINDS)
      for (const kind of VM_KINDS.filter((each) => each !== 'host'))
        expect([make, kind, refusalOf(bed(make, pair(kind))) === undefined]).toEqual([
          make,
          kind,
          CARRIES[make].includes(kind),
        ])
  })

  it('refusalOf refuses two VMs that are both the host', () => {
    expect(refusalOf(bed('ringferry', pair('host')))).toMatch(/kind host/)
    expect(
      refusalOf(
        bed('none', [
          { name: 'a', kind: 'host' },
          { name: 'b', kind: 'netns' },
        ]),
      ),
    ).toBeUndefined()
  })

  it('refusalOf refuses what a VM or a switch does not have', () => {
    expect(refusalOf(bed('ringferry', pair('uml', { model: 'e1000' })))).toMatch(/e1000/)
    expect(refusalOf(bed('bridge', pair('netns', { limitMbps: 10 })))).toMatch(/limitMbps/)
    expect(refusalOf(bed('bridge', pair('netns', { thinAcks: true })))).toMatch(/thinAcks/)
    expect(refusalOf(bed('ringferry', pair('netns', { cpu: 0 })))).toMatch(
      /only a VM of kind embedded, uml, qemu is bound to a processor, not netns/,
    )
    expect(refusalOf(bed('ringferry', pair('embedded', { cpu: 0 })))).toBeUndefined()
    expect(refusalOf(bedSchema.parse({ switch: { kind: 'ovs', cpu: 0 }, vms: pair('netns') }))).toMatch(
      /switch.cpu needs the switch ringferry/,
    )
    const awake = (kind: string, own: boolean, beside: boolean) =>
      refusalOf(bedSchema.parse({ switch: { kind, awake: own }, awake: beside, vms: pair('netns') }))
    expect(awake('bridge', true, false)).toMatch(/switch.awake needs the switch ringferry, not bridge/)
    expect(awake('ringferry', true, true)).toMatch(/one would hide the other/)
    expect(awake('ringferry', true, false)).toBeUndefined()
    expect(
      refusalOf(bedSchema.parse({ switch: { kind: 'ovs' }, awake: true, vms: pair('netns') })),
    ).toBeUndefined()
    expect(refusalOf(bed('testpmd', pair('uml', { nics: 2 })))).toMatch(/two VMs of one NIC/)
    expect(refusalOf(bed('testpmd', [{ name: 'a', kind: 'uml' }]))).toMatch(/two VMs of one NIC/)
    expect(refusalOf(bed('none', [{ name: 'a', kind: 'netns' }]))).toMatch(/two VMs/)
    expect(refusalOf(bed('none', [...pair('netns', { nics: 2 })]))).toBeUndefined()
  })
})

describe('checkPossible', () => {
  it('checkPossible throws UNSUPPORTED with the reason in one line', () => {
    const wrong = bed('vde', pair('embedded'))
    expect(() => checkPossible(wrong)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringMatching(/^bed: VM a: [^\n]+$/) }),
    )
  })
})
