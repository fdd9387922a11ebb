import { afterEach, describe, expect, it } from 'vitest'
import { DROP_TOO_LONG } from '../../src/core/layout.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { ipFrame } from '../support/ip-frames.js'
import { drain } from '../support/merge.js'
import { broadcast, cleanUp, dropped, frame, newEngine, withTags } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const MTU = 1400
const LONGEST = MTU + 14
const UNTAGGED: Partial<PortSettings> = {}

/** Two guests that the bridge knows; the first, or the second, has the MTU. */
function pair(side: 'sender' | 'receiver', features = LINUX_FEATURES, from = UNTAGGED, to = UNTAGGED) {
  const engine = newEngine()
  const mine = side === 'sender' ? 0 : 1
  const ports = [from, to].map((settings, index) => (index === mine ? { ...settings, mtu: MTU } : settings))
  const [a, b] = ports.map((port, index) =>
    start(engine, `g${index}`, {
      features: index === 1 ? features : LINUX_FEATURES,
      txSlotBytes: 67584,
      memory: 32 * 2 ** 20,
      ringSize: 256,
      port: { merge: false, ...port },
    }),
  ) as [TestGuest, TestGuest]
  b.driver.send(to.trunk ? withTags(broadcast(2), [0x8100, 10]) : broadcast(2))
  engine.step()
  drain(a)
  const send = (...frames: Uint8Array[]): number[] => {
    for (const one of frames) a.driver.enqueue(one)
    a.driver.publish(1)
    engine.step()
    return drain(b).map((got) => got.frame.length)
  }
  return { engine, a, b, send, drops: () => dropped(engine, mine, DROP_TOO_LONG) }
}

describe('the MTU of a port', () => {
  it.each([
    ['sender', LINUX_FEATURES],
    ['receiver', LINUX_FEATURES],
    ['receiver', LINUX_FEATURES | VIRTIO_NET_F.MTU],
    ['receiver', PLAIN],
  ] as const)('binds what its guest, the %s, exchanges (features %i), in every place of a burst', (side, features) => {
    const { send, drops } = pair(side, features)
    const of = (bytes: number): Uint8Array => frame(2, 1, bytes)
    expect(send(of(LONGEST + 1))).toEqual([])
    expect(send(of(60), of(LONGEST), of(LONGEST + 1), of(60), of(LONGEST + 4), of(LONGEST))).toEqual([
      60,
      LONGEST,
      60,
      LONGEST,
    ])
    expect(drops()).toBe(3)
  })

  it('changes with the receiver within a burst', () => {
    const { engine, a, b, send } = pair('receiver')
    const third = start(engine, 'third')
    third.driver.send(broadcast(3))
    engine.step()
    for (const guest of [a, b]) drain(guest)
    const to = (station: number, bytes: number): Uint8Array => frame(station, 1, bytes)
    expect(
      send(to(2, 60), to(3, 1500), to(2, LONGEST + 1), to(3, LONGEST + 1), to(2, LONGEST), to(3, 1499)),
    ).toEqual([60, LONGEST])
    expect(drain(third).map((got) => got.frame.length)).toEqual([1500, LONGEST + 1, 1499])
  })

  it.each([
    'sender',
    'receiver',
  ] as const)('of the %s does not count one tag, and counts a second', (side) => {
    const { send, drops } = pair(side)
    const of = (bytes: number): Uint8Array => frame(2, 1, bytes)
    for (const type of [0x8100, 0x88a8, 0x9100]) {
      expect(send(withTags(of(LONGEST), [type, 0]), withTags(of(LONGEST + 1), [type, 0]))).toEqual([
        LONGEST + 4,
      ])
      expect(send(withTags(of(LONGEST - 4), [type, 0, 0x8100, 0]))).toEqual([LONGEST + 4])
      expect(send(withTags(of(LONGEST), [type, 0, 0x8100, 0]))).toEqual([])
    }
    expect(drops()).toBe(6)
  })

  it('is held against a frame as it leaves, with its tag taken out or put in', () => {
    const out = pair('receiver', LINUX_FEATURES, { trunk: [10] }, { vlan: 10 })
    const of = (bytes: number): Uint8Array => frame(2, 1, bytes)
    expect(out.send(withTags(of(LONGEST), [0x8100, 10]), withTags(of(LONGEST + 1), [0x8100, 10]))).toEqual([
      LONGEST,
    ])
    expect(out.send(withTags(of(LONGEST), [0x8100, 0, 0x8100, 10]))).toEqual([LONGEST])
    const put = pair('receiver', LINUX_FEATURES, { vlan: 10 }, { trunk: [10] })
    expect(put.send(of(LONGEST), of(LONGEST + 1), of(LONGEST))).toEqual([LONGEST + 4, LONGEST + 4])
  })

  for (const side of ['sender', 'receiver'] as const)
    for (const [receiver, features] of [
      ['takes', LINUX_FEATURES],
      ['does not take', PLAIN],
    ] as const)
      it.each([
        { ip: 4, protocol: 'tcp', headers: 54 },
        { ip: 6, protocol: 'tcp', headers: 74 },
        { ip: 4, protocol: 'udp', headers: 42 },
        { ip: 6, protocol: 'udp', headers: 62 },
      ] as const)(`of the ${side} binds segments of $protocol over IPv$ip that the receiver ${receiver} whole`, ({
        ip,
        protocol,
        headers,
      }) => {
        const { engine, a, b, drops } = pair(side, features)
        const send = (payloadBytes: number, gsoSize: number): number => {
          const { frame: large, header } = ipFrame(2, 1, { ip, protocol, payloadBytes, gsoSize })
          a.driver.send(large, header)
          engine.step()
          return drain(b).length
        }
        const fit = LONGEST - headers
        const whole = features === LINUX_FEATURES
        expect(send(fit * 3, fit)).toBe(whole ? 1 : 3)
        expect(send(fit * 3, fit + 1)).toBe(0)
        expect(send(9000, 8960)).toBe(0)
        expect(send(fit, 8960)).toBe(1)
        expect(send(fit + 1, 8960)).toBe(0)
        expect(drops()).toBe(3)
      })

  it('told by the frontend binds when it is less than the configured one', () => {
    const { b, send } = pair('receiver')
    const lengths = (): number[] =>
      send(...[1014, 1015, LONGEST, LONGEST + 1].map((bytes) => frame(2, 1, bytes)))
    expect(lengths()).toEqual([1014, 1015, LONGEST])
    expect(b.frontend.setMtu(1000)).toBe(true)
    expect(lengths()).toEqual([1014])
    expect(b.frontend.setMtu(9000)).toBe(true)
    expect(lengths()).toEqual([1014, 1015, LONGEST])
  })
})
