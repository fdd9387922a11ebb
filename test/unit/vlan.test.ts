import { afterEach, describe, expect, it } from 'vitest'
import { DROP_VLAN } from '../../src/memory/layout.js'
import type { PortSettings } from '../../src/port/config.js'
import { attach, broadcast, cleanUp, dropped, newEngine } from '../support/switch.js'

afterEach(cleanUp)

/** A broadcast from station 1 with 16-bit words (types and control fields) in front of an EtherType and data. */
function tagged(words: readonly number[], bytes = 60): Uint8Array {
  const plain = broadcast(1, bytes)
  return Uint8Array.from([
    ...plain.subarray(0, 12),
    ...words.flatMap((word) => [word >> 8, word & 255]),
    ...plain.subarray(12),
  ])
}

/** What each of some ports receives of a frame that another sends, and what all drop for its VLAN. */
function spread(from: Partial<PortSettings>, to: readonly Partial<PortSettings>[], frame: Uint8Array) {
  const engine = newEngine()
  const sender = attach(engine, 'from', {}, from)
  const receivers = to.map((settings, index) => attach(engine, `to${index}`, {}, settings))
  sender.driver.send(frame)
  engine.step()
  const drops = [sender, ...receivers].map((_, port) => dropped(engine, port, DROP_VLAN))
  const received = receivers.map((receiver) => receiver.driver.receive()?.frame)
  cleanUp()
  return { received, drops: drops.reduce((sum, count) => sum + count, 0) }
}

/** The same of one port. */
function cross(from: Partial<PortSettings>, to: Partial<PortSettings>, frame: Uint8Array) {
  const { received, drops } = spread(from, [to], frame)
  return { received: received[0], drops }
}

const VLAN_10_OR_20: readonly Partial<PortSettings>[] = [
  { trunk: [20] },
  { vlan: 20 },
  { trunk: [20], nativeVlan: 10 },
  { trunk: [20], nativeVlan: 0 },
  { vlan: 10 },
]
const HELD_TO_10: readonly Partial<PortSettings>[] = [
  { trunk: [10] },
  { vlan: 10 },
  { trunk: [10], nativeVlan: 10 },
]

describe('a port that is held to one VLAN', () => {
  it.each<[string, Uint8Array]>([
    ['the tag of VLAN 20', tagged([0x8100, 20])],
    ['a priority tag before it', tagged([0x8100, 0, 0x8100, 20])],
    ['two priority tags before it', tagged([0x8100, 0, 0x8100, 0xe000, 0x8100, 20])],
    ['a service priority tag before it', tagged([0x88a8, 0, 0x8100, 20])],
    ['a service tag', tagged([0x88a8, 20])],
    ['a priority tag before a service tag', tagged([0x8100, 0, 0x88a8, 20])],
    ['an old service tag', tagged([0x9100, 20])],
    ['a tag cut short after its VID', tagged([0x8100, 20]).subarray(0, 16)],
    ['a tag cut short within the EtherType', tagged([0x8100, 20]).subarray(0, 17)],
    ['a tag without VID', tagged([0x8100, 20]).subarray(0, 14)],
    ['a priority tag and a tag cut short', tagged([0x8100, 0, 0x8100, 20]).subarray(0, 20)],
    ['VID 4095', tagged([0x8100, 4095])],
    ['a priority tag before VID 4095', tagged([0x8100, 0, 0x8100, 4095])],
  ])('sends nothing into another with %s', (_, frame) => {
    for (const from of HELD_TO_10) {
      const to = [...VLAN_10_OR_20, {}]
      expect(spread(from, to, frame)).toEqual({ received: to.map(() => undefined), drops: 1 })
    }
  })

  it.each([
    0x8100, 0x88a8, 0x9100,
  ])('drops a frame of type %i after untagged ones with its addresses', (type) => {
    const engine = newEngine()
    const sender = attach(engine, 'a', {}, { vlan: 10 })
    const receiver = attach(engine, 'b', {}, { vlan: 10 })
    const unicast = (words: number[]): Uint8Array => {
      const frame = tagged(words)
      frame.set([2, 0, 0, 0, 0, 2], 0)
      return frame
    }
    const answer = broadcast(2)
    receiver.driver.send(answer)
    engine.step()
    for (const frame of [unicast([]), unicast([]), unicast([type, 20]), unicast([])])
      sender.driver.send(frame)
    engine.step()
    let frames = 0
    while (receiver.driver.receive()) frames++
    expect([frames, dropped(engine, 0, DROP_VLAN)]).toEqual([3, 1])
  })

  it('delivers a second tag only inside its own', () => {
    const double = tagged([0x8100, 10, 0x8100, 20])
    expect(cross({ trunk: [10] }, { trunk: [10] }, double).received).toEqual(double)
    expect(cross({}, { trunk: [10] }, double).received).toEqual(double)
    for (const to of [{ vlan: 10 }, { trunk: [20], nativeVlan: 10 }])
      expect(cross({ trunk: [10] }, to, double)).toEqual({ received: undefined, drops: 1 })
  })
})

describe('a trunk', () => {
  it('shares no untagged frames unless a native VLAN is asked for', () => {
    const plain = tagged([])
    expect(cross({ trunk: [10] }, { trunk: [10] }, plain)).toEqual({ received: undefined, drops: 1 })
    expect(cross({ trunk: [10] }, {}, plain)).toEqual({ received: undefined, drops: 1 })
    expect(cross({}, { trunk: [10] }, plain)).toEqual({ received: undefined, drops: 1 })
    expect(cross({ trunk: [10], nativeVlan: 7 }, { trunk: [9], nativeVlan: 7 }, plain).received).toEqual(
      plain,
    )
    expect(cross({ trunk: [10], nativeVlan: 0 }, {}, plain).received).toEqual(plain)
  })

  it('shows one tag with the priority when a frame came with a priority tag, and access ports none', () => {
    for (const words of [
      [0x8100, 0xb000],
      [0x8100, 0xb000, 0x8100, 0],
      [0x88a8, 0xb000],
    ]) {
      const frame = tagged(words)
      for (const from of [{ vlan: 10 }, { trunk: [20], nativeVlan: 10 }]) {
        const to = [{ trunk: [10] }, {}, { vlan: 10 }, { trunk: [1], nativeVlan: 10 }]
        const one = tagged([0x8100, 0xb00a])
        expect(spread(from, to, frame).received).toEqual([one, one, tagged([]), tagged([])])
      }
    }
    const both = tagged([0x8100, 0xb000, 0x8100, 10])
    const { received } = spread({ trunk: [10] }, [{ trunk: [10] }, { vlan: 10 }], both)
    expect(received).toEqual([tagged([0x8100, 0xb00a]), tagged([])])
  })
})

describe('ports without VLAN settings', () => {
  it('exchange frames with all their tags, VID 4095 excepted', () => {
    for (const words of [
      [],
      [0x8100, 0xa000],
      [0x88a8, 20, 0x8100, 10],
      [0x9100, 5],
      [0x8100, 20, 0x8100, 4095],
    ])
      expect(cross({}, {}, tagged(words)).received).toEqual(tagged(words))
    for (const words of [
      [0x8100, 4095],
      [0x88a8, 0xefff],
    ])
      expect(cross({}, {}, tagged(words))).toEqual({ received: undefined, drops: 1 })
  })
})
