import { afterEach, describe, expect, it } from 'vitest'
import { DROP_VLAN } from '../../src/core/layout.js'
import type { PortSettings } from '../../src/port/config.js'
import { PLAIN } from '../model/guest.js'
import { checkedPayload, ipFrame } from '../support/ip-frames.js'
import { attach, broadcast, cleanUp, dropped, newEngine, withTags } from '../support/switch.js'

afterEach(cleanUp)

/** A broadcast from station 1 with such words. */
function tagged(words: readonly number[]): Uint8Array {
  return withTags(broadcast(1), words)
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

/** What could reach VLAN 20. */
const HOPS: readonly (readonly [string, Uint8Array])[] = [
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
]

describe('a port that is held to one VLAN', () => {
  it.each(HELD_TO_10)('of %j sends nothing into another by any tags', (from) => {
    const engine = newEngine()
    const sender = attach(engine, 'from', {}, from)
    const receivers = [...VLAN_10_OR_20, {}].map((to, index) => attach(engine, `to${index}`, {}, to))
    for (const [index, [what, frame]] of HOPS.entries()) {
      sender.driver.send(frame)
      engine.step()
      for (const { driver } of receivers) expect([what, driver.receive()?.frame]).toEqual([what, undefined])
      expect([what, dropped(engine, 0, DROP_VLAN)]).toEqual([what, index + 1])
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

describe('a GSO frame with tags', () => {
  it.each<[string, number[], Partial<PortSettings>, number[]]>([
    ['two tags become one', [0x8100, 0x6000, 0x8100, 10], { trunk: [10] }, [0x8100, 0x600a]],
    ['two tags are taken out', [0x8100, 0x6000, 0x8100, 10], { vlan: 10 }, []],
    ['one tag is taken out', [0x8100, 0x600a], { vlan: 10 }, []],
    [
      'its tag stays, and another behind it',
      [0x8100, 10, 0x8100, 20],
      { trunk: [10] },
      [0x8100, 10, 0x8100, 20],
    ],
  ])('is right, whole and cut, when %s', (_, words, settings, leaving) => {
    const engine = newEngine()
    const sender = attach(engine, 'from', { txSlotBytes: 8192 }, { trunk: [10] })
    const whole = attach(engine, 'whole', {}, settings)
    const cut = attach(engine, 'cut', { features: PLAIN }, settings)
    const { frame, header, payload } = ipFrame(2, 1, {
      ip: 4,
      protocol: 'tcp',
      payloadBytes: 3000,
      gsoSize: 1000,
    })
    const csumStart = header.csumStart as number
    sender.driver.send(withTags(frame, words), { ...header, csumStart: csumStart + words.length * 2 })
    engine.step()
    const passed = whole.driver.receive()
    expect(passed?.header).toMatchObject({
      ...header,
      hdrLen: expect.anything(),
      csumStart: csumStart + leaving.length * 2,
    })
    expect(passed?.frame).toEqual(withTags(frame, leaving))
    const parts: Uint8Array[] = []
    for (let got = cut.driver.receive(); got; got = cut.driver.receive()) {
      const bytes = leaving.length * 2
      expect(withTags(got.frame.subarray(0, 12), leaving)).toEqual(got.frame.subarray(0, 12 + bytes))
      parts.push(
        checkedPayload(Uint8Array.from([...got.frame.subarray(0, 12), ...got.frame.subarray(12 + bytes)])),
      )
    }
    expect(parts.map((part) => part.length)).toEqual([1000, 1000, 1000])
    expect(Buffer.concat(parts)).toEqual(Buffer.from(payload))
  })
})
