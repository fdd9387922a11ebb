// One test per requirement of virtio 1.3, 5.1.4 and 5.1.6 that concerns how a network device receives,
// transmits and is controlled.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  DROP_BAD_GSO,
  DROP_BUFFER_TOO_SMALL,
  DROP_FILTERED,
  DROP_NOT_NEGOTIATED,
  MAX_FILTER_MACS,
  P_HOLD_US,
  P_MAX_BATCH_FRAMES,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import {
  NET_CONFIG,
  VIRTIO_F,
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_ANNOUNCE,
  VIRTIO_NET_CTRL_MAC,
  VIRTIO_NET_CTRL_NOTF_COAL,
  VIRTIO_NET_CTRL_RX,
  VIRTIO_NET_CTRL_VLAN,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F,
  VIRTIO_NET_HDR_F,
  VIRTIO_NET_HDR_GSO,
  VIRTIO_NET_OK,
} from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { completed, faultOf, layoutOf, partialPacket } from '../model/packets.js'
import { asTcp, broadcast, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

let directory: string | undefined

afterEach(() => {
  stopGuests()
  cleanUp()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  directory = undefined
})

const MB = 2 ** 20
const ALL_TSO = { features: LINUX_FEATURES, txSlotBytes: 67584, memory: 32 * MB, ringSize: 64 }
const payload = Uint8Array.from({ length: 5000 }, (_, at) => (at * 13) & 0xff)

function twoGuests(features = PLAIN, receiver = features): { engine: Engine; a: TestGuest; b: TestGuest } {
  const engine = newEngine({ memoryBytes: 256 * MB })
  const a = start(engine, 'a', { ...ALL_TSO, features })
  const b = start(engine, 'b', { ...ALL_TSO, features: receiver })
  return { engine, a, b }
}

function gso(whole: Uint8Array, type: number = VIRTIO_NET_HDR_GSO.TCPV4) {
  const { transport, payload: hdrLen } = layoutOf(whole)
  return { flags: 1, gsoType: type, hdrLen, gsoSize: 1400, csumStart: transport, csumOffset: 16 }
}

describe('5.1.6.2.2 transmission', () => {
  it('5.1.6.2.2 device ignores flag bits that it does not know', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES)
    for (const flags of [0x08, 0x10, 0x80, 0xf8]) {
      a.driver.send(broadcast(1), { flags })
      engine.step()
      expect(b.driver.receive()).toMatchObject({ header: { flags: 0 }, frame: broadcast(1) })
    }
  })

  it('5.1.6.2.2 device does not use csum_start and csum_offset without NEEDS_CSUM', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES)
    a.driver.send(broadcast(1), { csumStart: 0xffff, csumOffset: 0xffff })
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(broadcast(1))
  })

  it('5.1.6.2.2 device does not rely on hdr_len when it segments', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES, PLAIN)
    const whole = partialPacket({ payload })
    for (const hdrLen of [0, 1, 54, 4000, 0xffff]) {
      a.driver.send(whole, { ...gso(whole), hdrLen })
      engine.step()
      for (let i = 0; i < 4; i++)
        expect(faultOf(b.driver.receive()?.frame as Uint8Array, false)).toBeUndefined()
      expect(b.driver.receive()).toBeUndefined()
    }
  })

  it('5.1.6.2.2 device does not vouch for a checksum that the driver did not ask it to complete', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES)
    const wrong = partialPacket({ payload })
    for (const flags of [0, VIRTIO_NET_HDR_F.DATA_VALID]) {
      a.driver.send(wrong, { flags })
      engine.step()
      expect(b.driver.receive()?.header.flags).toBe(0)
    }
  })

  it('5.1.6.2 hdr_len and csum_start move with a tag that is added or taken off, and a hdr_len of 0 stays', () => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', { ...ALL_TSO, port: { vlan: 7 } })
    const b = start(engine, 'b', { ...ALL_TSO, bufferBytes: 67584 })
    const plain = partialPacket({ payload })
    const tagged = Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0, 7, ...plain.subarray(12)])
    const header = gso(plain)
    const longer = { ...header, hdrLen: header.hdrLen + 4, csumStart: header.csumStart + 4 }
    a.driver.send(plain, header)
    a.driver.send(plain, { ...header, hdrLen: 0 })
    engine.step()
    expect(b.driver.receive()).toMatchObject({ header: longer, frame: tagged })
    expect(b.driver.receive()?.header).toMatchObject({ ...longer, hdrLen: 0 })
    for (let got = a.driver.receive(); got; got = a.driver.receive()) {}
    b.driver.send(tagged, longer)
    b.driver.send(tagged, { ...longer, hdrLen: 0 })
    engine.step()
    const got = [0, 1].map(() => a.driver.receive()?.header)
    expect(got).toMatchObject([header, { ...header, hdrLen: 0 }])
  })

  it('5.1.6.2.1 device drops what asks for an offload that was not negotiated', () => {
    const { engine, a, b } = twoGuests(PLAIN | VIRTIO_NET_F.CSUM, LINUX_FEATURES)
    const whole = partialPacket({ payload: payload.subarray(0, 1000) })
    for (const gsoType of [1, 4, 5, 0x81]) a.driver.send(whole, gso(whole, gsoType))
    engine.step()
    expect(dropped(engine, 0, DROP_NOT_NEGOTIATED)).toBe(4)
    a.driver.send(whole, gso(whole, VIRTIO_NET_HDR_GSO.UDP))
    engine.step()
    expect(dropped(engine, 0, DROP_BAD_GSO)).toBe(1)
    expect(b.driver.receive()).toBeUndefined()
  })
})

describe('5.1.6.3.2 and 5.1.6.4.1 reception', () => {
  it('5.1.6.3.2 device uses one chain per packet without MRG_RXBUF and drops what does not fit', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = start(engine, 'a', { features: PLAIN })
    const b = start(engine, 'b', { features: PLAIN & ~VIRTIO_NET_F.MRG_RXBUF, bufferBytes: 212 })
    for (const bytes of [14, 199, 200, 201, 1500, 60]) a.driver.send(frame(9, 1, bytes))
    engine.step()
    for (const bytes of [14, 199, 200, 60])
      expect(b.driver.receive()).toMatchObject({ header: { numBuffers: 1 }, frame: frame(9, 1, bytes) })
    expect(b.driver.receive()).toBeUndefined()
    expect(dropped(engine, 1, DROP_BUFFER_TOO_SMALL)).toBe(2)
  })

  it('5.1.6.4.1 device sets num_buffers to the chains used, fills all but the last, and shows them together', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = start(engine, 'a', { features: PLAIN })
    const b = start(engine, 'b', { features: PLAIN, bufferBytes: 128, bufferDescriptors: 2, ringSize: 64 })
    const { used } = b.driver.rx()
    const { data } = b.memory
    let taken = 0
    for (const bytes of [14, 115, 116, 117, 244, 245, 1500]) {
      a.driver.send(frame(9, 1, bytes))
      engine.step()
      const count = Math.ceil((12 + bytes) / 128)
      expect(data.getUint16(used + 2, true)).toBe((taken + count) & 0xffff)
      for (let i = 0; i < count; i++) {
        const length = data.getUint32(used + 8 + ((taken + i) % 64) * 8, true)
        expect(length).toBe(i < count - 1 ? 128 : 12 + bytes - 128 * (count - 1))
      }
      taken += count
      const got = b.driver.receive()
      expect(got?.header.numBuffers).toBe(count)
      expect(got && Buffer.compare(got.frame, frame(9, 1, bytes))).toBe(0)
    }
  })

  it('5.1.6.4.1 device keeps a packet back until there are buffers for all of it', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = start(engine, 'a', { features: PLAIN })
    const b = start(engine, 'b', { features: PLAIN, bufferBytes: 0 })
    const at = 8 * MB
    const rx = b.driver.rx()
    const post = (slot: number): void => {
      rx.addOne(at + slot * 256, 256, true)
      b.driver.publish(0)
    }
    post(0)
    a.driver.send(asTcp(frame(9, 1, 600)))
    a.driver.send(asTcp(frame(9, 1, 50)))
    engine.step()
    expect(rx.usedCount()).toBe(0)
    post(1)
    engine.step()
    expect(rx.usedCount()).toBe(0)
    post(2)
    post(3)
    engine.step()
    expect(rx.usedCount()).toBe(4)
    expect(b.memory.data.getUint16(at + 10, true)).toBe(3)
    expect(b.memory.data.getUint16(at + 3 * 256 + 10, true)).toBe(1)
  })

  it('5.1.6.4.1 device sets flags to zero and completes checksums without GUEST_CSUM', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES, PLAIN)
    const partial = partialPacket({ payload: payload.subarray(0, 901) })
    a.driver.send(partial, { ...gso(partial), gsoType: 0, gsoSize: 0 })
    engine.step()
    const got = b.driver.receive()
    expect(got?.header.flags).toBe(0)
    expect(got && Buffer.compare(got.frame, completed(partial, false))).toBe(0)
  })

  it.each([
    ['TCPV4', VIRTIO_NET_F.GUEST_TSO4, VIRTIO_NET_HDR_GSO.TCPV4, { payload }],
    ['TCPV6', VIRTIO_NET_F.GUEST_TSO6, VIRTIO_NET_HDR_GSO.TCPV6, { payload, v6: true }],
    ['TCPV4 with ECN', VIRTIO_NET_F.GUEST_ECN, 0x80 | VIRTIO_NET_HDR_GSO.TCPV4, { payload }],
    ['UDP_L4 over IPv4', VIRTIO_NET_F.GUEST_USO4, VIRTIO_NET_HDR_GSO.UDP_L4, { payload, udp: true }],
    [
      'UDP_L4 over IPv6',
      VIRTIO_NET_F.GUEST_USO6,
      VIRTIO_NET_HDR_GSO.UDP_L4,
      { payload, udp: true, v6: true },
    ],
  ])('5.1.6.4.1 device sends gso_type %s only to a driver that negotiated it', (_, feature, type, options) => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', ALL_TSO)
    const takes = start(engine, 'takes', ALL_TSO)
    const features = LINUX_FEATURES & ~feature
    const refuses = start(engine, 'refuses', { ...ALL_TSO, features, port: { merge: false } })
    const whole = partialPacket(options)
    const udp = 'udp' in options
    const header = { ...gso(whole, type), csumOffset: udp ? 6 : 16 }
    a.driver.send(whole, header)
    engine.step()
    const got = takes.driver.receive()
    expect(got?.header).toMatchObject(header)
    expect(got && Buffer.compare(got.frame, whole)).toBe(0)
    for (let i = 0; i < 4; i++) {
      const segment = refuses.driver.receive()
      expect(segment?.header.gsoType).toBe(0)
      expect(faultOf(segment?.frame as Uint8Array, udp)).toBeUndefined()
    }
    expect(refuses.driver.receive()).toBeUndefined()
  })

  it('5.1.6.4.1 device sets NEEDS_CSUM and gso_size with every gso_type, and the checksum is that of the pseudo header', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES)
    const whole = partialPacket({ payload })
    a.driver.send(whole, { ...gso(whole), flags: 0 })
    a.driver.send(whole, { ...gso(whole), gsoSize: 0 })
    a.driver.send(whole, gso(whole))
    engine.step()
    expect(b.driver.receive()).toMatchObject({ header: gso(whole) })
    expect(b.driver.receive()).toBeUndefined()
    expect(dropped(engine, 0, DROP_BAD_GSO)).toBe(2)
  })

  it('5.1.6.4.1 device never sets RSC_INFO', () => {
    const { engine, a, b } = twoGuests(LINUX_FEATURES)
    const whole = partialPacket({ payload })
    a.driver.send(whole, { ...gso(whole), flags: 1 | VIRTIO_NET_HDR_F.RSC_INFO })
    a.driver.send(broadcast(1), { flags: VIRTIO_NET_HDR_F.RSC_INFO })
    engine.step()
    expect(b.driver.receive()?.header.flags).toBe(1)
    expect(b.driver.receive()?.header.flags).toBe(0)
  })

  it('5.1.6.4.1 device says DATA_VALID of checksums that it computed itself, and only with GUEST_CSUM', () => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', ALL_TSO)
    const b = start(engine, 'b', { ...ALL_TSO, features: PLAIN | VIRTIO_NET_F.GUEST_CSUM })
    const whole = partialPacket({ payload })
    a.driver.send(whole, gso(whole))
    engine.step()
    for (let i = 0; i < 4; i++) {
      const got = b.driver.receive()
      expect(got?.header.flags).toBe(VIRTIO_NET_HDR_F.DATA_VALID)
      expect(faultOf(got?.frame as Uint8Array, false)).toBeUndefined()
    }
  })

  it('5.1.6.1 a legacy driver without MRG_RXBUF has a header of 10 bytes', () => {
    const engine = newEngine({ memoryBytes: 128 * MB })
    const a = start(engine, 'a', { features: VIRTIO_F.ANY_LAYOUT })
    const b = start(engine, 'b', { features: 0n, bufferBytes: 2048 })
    const c = start(engine, 'c', { features: PLAIN })
    expect([a.driver.headerBytes, b.driver.headerBytes, c.driver.headerBytes]).toEqual([10, 10, 12])
    a.driver.send(frame(9, 1, 100), {}, 0, { separateHeader: true })
    engine.step()
    expect(b.driver.receive()?.frame).toEqual(frame(9, 1, 100))
    expect(c.driver.receive()?.frame).toEqual(frame(9, 1, 100))
    expect(b.memory.data.getUint32(b.driver.rx().used + 8, true)).toBe(110)
  })
})

describe('5.1.6.5 control queue', () => {
  const CONTROL =
    PLAIN |
    VIRTIO_NET_F.CTRL_VQ |
    VIRTIO_NET_F.CTRL_RX |
    VIRTIO_NET_F.CTRL_RX_EXTRA |
    VIRTIO_NET_F.CTRL_VLAN |
    VIRTIO_NET_F.CTRL_MAC_ADDR |
    VIRTIO_NET_F.CTRL_GUEST_OFFLOADS |
    VIRTIO_NET_F.GUEST_ANNOUNCE |
    VIRTIO_NET_F.STATUS |
    VIRTIO_NET_F.GUEST_CSUM |
    VIRTIO_NET_F.GUEST_TSO4
  const UNI = [2, 0, 0, 0, 0, 9]
  const OTHER = [2, 0, 0, 0, 0, 8]
  const MULTI = [1, 0, 0x5e, 0, 0, 9]
  const BROADCAST = [255, 255, 255, 255, 255, 255]

  const OWN = [2, 0, 0, 0, 0, 2]

  /** @param tells whether the driver sets its address, as Linux does when the device has none for it */
  function controlled(features = CONTROL, tells = true) {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', ALL_TSO)
    const b = start(engine, 'b', { features, port: { control: true } })
    /** The device's answer to a command. */
    const command = (kind: number, what: number, bytes: readonly number[]): number | undefined => {
      expect(b.driver.sendControl(kind, what, Uint8Array.from(bytes))).toBe(true)
      engine.step()
      return b.driver.takeControlAck()
    }
    const arrives = (destination: readonly number[], vlan = 0): boolean => {
      const tag = vlan === 0 ? [] : [0x81, 0, vlan >> 8, vlan & 0xff]
      a.driver.send(
        Uint8Array.from([...destination, 2, 0, 0, 0, 0, 1, ...tag, 0x88, 0xb5, ...new Array(50).fill(7)]),
      )
      engine.step()
      return b.driver.receive() !== undefined
    }
    const tellsAddress = () => command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.ADDR_SET, OWN)
    if (tells && (b.features & VIRTIO_NET_F.CTRL_MAC_ADDR) !== 0n) tellsAddress()
    return { engine, a, b, command, arrives, tellsAddress }
  }
  const tables = (uni: readonly (readonly number[])[], multi: readonly (readonly number[])[]): number[] =>
    [uni, multi].flatMap((macs) => [macs.length & 0xff, macs.length >> 8, 0, 0, ...macs.flat()])
  const RX = VIRTIO_NET_CTRL.RX

  it('5.1.6.5 device answers unknown, short and unnegotiated commands with an error and goes on', () => {
    const { command } = controlled()
    for (const [kind, what, bytes] of [
      [99, 0, [1]],
      [RX, 77, [1]],
      [RX, VIRTIO_NET_CTRL_RX.PROMISC, []],
      [VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.ADDR_SET, [1, 2, 3]],
      [VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, [9, 0, 0, 0, 1]],
      [VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.ADD, [0, 0x10]],
      [VIRTIO_NET_CTRL.MQ, 0, [1, 0]],
    ] as const)
      expect(command(kind, what, bytes)).toBe(VIRTIO_NET_ERR)
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [1])).toBe(VIRTIO_NET_OK)
  })

  it('5.1.6.5 device completes a control chain without room for its answer and goes on', () => {
    const { engine, b, command } = controlled()
    const ring = b.driver.rings[b.driver.controlIndex] as TestGuest['driver']['rings'][0]
    ring.addOne(8 * MB, 3, false)
    ring.addOne(8 * MB, 3, true)
    b.driver.publish(b.driver.controlIndex)
    engine.step()
    for (let i = 0; i < 2; i++) ring.release(ring.takeUsed())
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [1])).toBe(VIRTIO_NET_OK)
  })

  it('5.1.6.5.1.1 PROMISC lets everything in, whatever other mode is on', () => {
    const { command, arrives } = controlled()
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])).toBe(VIRTIO_NET_OK)
    expect([UNI, MULTI].map((to) => arrives(to))).toEqual([false, false])
    for (const mode of [VIRTIO_NET_CTRL_RX.NOMULTI, VIRTIO_NET_CTRL_RX.NOUNI, VIRTIO_NET_CTRL_RX.NOBCAST])
      expect(command(RX, mode, [1])).toBe(VIRTIO_NET_OK)
    expect(arrives(BROADCAST)).toBe(false)
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [1])).toBe(VIRTIO_NET_OK)
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([true, true, true])
  })

  it('5.1.6.5.1.1 ALLMULTI and ALLUNI open and close their kind', () => {
    const { engine, command, arrives } = controlled()
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    command(RX, VIRTIO_NET_CTRL_RX.ALLMULTI, [1])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([false, true, true])
    command(RX, VIRTIO_NET_CTRL_RX.ALLMULTI, [0])
    command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [1])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([true, false, true])
    command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [0])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([false, false, true])
    expect(dropped(engine, 1, DROP_FILTERED)).toBe(4)
  })

  it('5.1.6.5.1.1 NOMULTI, NOUNI and NOBCAST win over ALLMULTI and ALLUNI; NOMULTI spares broadcast', () => {
    const { command, arrives } = controlled()
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    command(RX, VIRTIO_NET_CTRL_RX.ALLMULTI, [1])
    command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [1])
    command(RX, VIRTIO_NET_CTRL_RX.NOMULTI, [1])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([true, false, true])
    command(RX, VIRTIO_NET_CTRL_RX.NOUNI, [1])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([false, false, true])
    command(RX, VIRTIO_NET_CTRL_RX.NOBCAST, [1])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([false, false, false])
    for (const mode of [VIRTIO_NET_CTRL_RX.NOMULTI, VIRTIO_NET_CTRL_RX.NOUNI, VIRTIO_NET_CTRL_RX.NOBCAST])
      command(RX, mode, [0])
    expect([UNI, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([true, true, true])
  })

  it('5.1.6.5.1.1 without CTRL_RX_EXTRA its commands are refused', () => {
    const { command } = controlled(CONTROL & ~VIRTIO_NET_F.CTRL_RX_EXTRA)
    for (const mode of [2, 3, 4, 5]) expect(command(RX, mode, [1])).toBe(VIRTIO_NET_ERR)
  })

  it('5.1.6.5.2.1 the table is in force when its command is answered; other addresses are dropped', () => {
    const { command, arrives } = controlled()
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    expect(command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables([UNI], [MULTI]))).toBe(
      VIRTIO_NET_OK,
    )
    expect([UNI, OTHER, MULTI, [1, 0, 0x5e, 0, 0, 8]].map((to) => arrives(to))).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables([], []))).toBe(VIRTIO_NET_OK)
    expect([UNI, MULTI].map((to) => arrives(to))).toEqual([false, false])
    expect(command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.ADDR_SET, OTHER)).toBe(VIRTIO_NET_OK)
    expect([UNI, OTHER].map((to) => arrives(to))).toEqual([false, true])
  })

  it('5.1.6.5.2 a table that is too large lets in more, never less, and a smaller one filters again', () => {
    const { command, arrives } = controlled()
    const many = Array.from({ length: MAX_FILTER_MACS + 5 }, (_, i) => [2, 0, 0, 0, 1, i])
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    expect(command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables(many, [MULTI]))).toBe(
      VIRTIO_NET_OK,
    )
    expect([many.at(-1) as number[], MULTI].map((to) => arrives(to))).toEqual([true, true])
    command(RX, VIRTIO_NET_CTRL_RX.ALLMULTI, [0])
    command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [0])
    expect([many.at(-1) as number[], MULTI].map((to) => arrives(to))).toEqual([true, true])
    command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables([UNI], []))
    expect([UNI, OTHER, MULTI].map((to) => arrives(to))).toEqual([true, false, false])
  })

  it('5.1.6.5.2.1 the filter is empty and everything comes in after a reset', () => {
    const { engine, b, command, arrives, tellsAddress } = controlled()
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables([UNI], []))
    expect(arrives(OTHER)).toBe(false)
    b.frontend.setFeatures(b.frontend.features)
    engine.step()
    expect(arrives(OTHER)).toBe(true)
    tellsAddress()
    command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
    expect(arrives(UNI)).toBe(false)
  })

  it('5.1.6.5.2 unicast comes in while the device does not know the address of its driver', () => {
    for (const withheld of [0n, VIRTIO_NET_F.CTRL_MAC_ADDR]) {
      const { b, command, arrives, tellsAddress } = controlled(CONTROL & ~withheld, false)
      command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])
      command(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.TABLE_SET, tables([OTHER], []))
      expect([UNI, OTHER, MULTI, BROADCAST].map((to) => arrives(to))).toEqual([true, true, false, true])
      command(RX, VIRTIO_NET_CTRL_RX.NOUNI, [1])
      expect(arrives(UNI)).toBe(false)
      command(RX, VIRTIO_NET_CTRL_RX.NOUNI, [0])
      command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [0])
      expect(arrives(UNI)).toBe(true)
      expect(tellsAddress()).toBe(b.features & VIRTIO_NET_F.CTRL_MAC_ADDR ? VIRTIO_NET_OK : VIRTIO_NET_ERR)
      expect(arrives(UNI)).toBe(withheld !== 0n)
      stopGuests()
      cleanUp()
    }
  })

  it('5.1.6.5.1.1 PROMISC lets in every VLAN, and the VLAN table counts again without it', () => {
    const { command, arrives } = controlled()
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [1])).toBe(VIRTIO_NET_OK)
    for (const to of [UNI, MULTI, BROADCAST]) expect(arrives(to, 7)).toBe(true)
    expect(command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.ADD, [7, 0])).toBe(VIRTIO_NET_OK)
    expect(command(RX, VIRTIO_NET_CTRL_RX.PROMISC, [0])).toBe(VIRTIO_NET_OK)
    expect([7, 8].map((vlan) => arrives(BROADCAST, vlan))).toEqual([true, false])
    expect(command(RX, VIRTIO_NET_CTRL_RX.ALLUNI, [1])).toBe(VIRTIO_NET_OK)
    expect(arrives(UNI, 8)).toBe(false)
  })

  it('5.1.6.5.2.1 device shows the address of ADDR_SET in the configuration space before it answers', () => {
    directory = mkdtempSync(join(tmpdir(), 'ringferry-'))
    const socket = join(directory, 'vif')
    const engine = newEngine({ memoryBytes: 128 * MB })
    engine.addPort({ kind: 'vif', name: 'v', socket, mac: '02:11:22:33:44:55', control: true })
    const guest = start(engine, 'v', { socket, features: CONTROL | VIRTIO_NET_F.MAC })
    const config = (): number[] => [...(guest.frontend.getConfig(NET_CONFIG.MAC, 6) as Uint8Array)]
    expect(config()).toEqual([2, 0x11, 0x22, 0x33, 0x44, 0x55])
    guest.driver.sendControl(VIRTIO_NET_CTRL.MAC, VIRTIO_NET_CTRL_MAC.ADDR_SET, Uint8Array.from(UNI))
    engine.step()
    expect(guest.driver.takeControlAck()).toBe(VIRTIO_NET_OK)
    expect(config()).toEqual(UNI)
    guest.close()
    engine.step()
    const next = start(engine, 'v', { socket, features: CONTROL | VIRTIO_NET_F.MAC })
    expect([...(next.frontend.getConfig(NET_CONFIG.MAC, 6) as Uint8Array)]).toEqual([
      2, 0x11, 0x22, 0x33, 0x44, 0x55,
    ])
  })

  it('5.1.6.5.3.1 device takes all tagged frames without CTRL_VLAN, and with it those of the table', () => {
    const open = controlled(CONTROL & ~VIRTIO_NET_F.CTRL_VLAN)
    expect([1, 7, 4094].map((vlan) => open.arrives(BROADCAST, vlan))).toEqual([true, true, true])
    stopGuests()
    cleanUp()
    const { command, arrives } = controlled()
    expect(arrives(BROADCAST)).toBe(true)
    expect(arrives(BROADCAST, 7)).toBe(false)
    expect(command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.ADD, [7, 0])).toBe(VIRTIO_NET_OK)
    expect([7, 8, 0x107].map((vlan) => arrives(BROADCAST, vlan))).toEqual([true, false, false])
    expect(command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.DEL, [7, 0])).toBe(VIRTIO_NET_OK)
    expect(arrives(BROADCAST, 7)).toBe(false)
  })

  it('5.1.6.5.3 VLANs and addresses that a driver has set before the switch was started anew come in', () => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', ALL_TSO)
    const b = start(engine, 'b', { features: CONTROL, base: 3, port: { control: true } })
    const arrives = (vlan: number): boolean => {
      a.driver.send(
        Uint8Array.from([...UNI, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, vlan, 0x88, 0xb5, ...new Array(50)]),
      )
      engine.step()
      return b.driver.receive() !== undefined
    }
    expect(arrives(7)).toBe(true)
    b.driver.sendControl(RX, VIRTIO_NET_CTRL_RX.PROMISC, Uint8Array.of(0))
    engine.step()
    expect(arrives(7)).toBe(true)
    b.frontend.setFeatures(b.frontend.features)
    engine.step()
    expect(arrives(7)).toBe(false)
  })

  it('5.1.6.5.4.2 device takes the acknowledgement of an announcement, and nothing else of its class', () => {
    const { command } = controlled()
    expect(command(VIRTIO_NET_CTRL.ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE.ACK, [])).toBe(VIRTIO_NET_OK)
    expect(command(VIRTIO_NET_CTRL.ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE.ACK + 1, [])).toBe(VIRTIO_NET_ERR)
  })

  it('5.1.6.5.6.2 device uses only the queue pairs that were set, and refuses none and too many', () => {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', { features: PLAIN })
    const features = CONTROL | VIRTIO_NET_F.MQ
    const b = start(engine, 'b', { features, queuePairs: 4, ringSize: 32, port: { queues: 4 } })
    const flows = (): number[] => {
      const counts = [0, 0, 0, 0]
      for (let i = 0; i < 64; i++) {
        const packet = partialPacket({ payload: Uint8Array.of(i), to: 9 })
        packet[34] = i
        a.driver.send(packet)
        engine.step()
        for (let queue = 0; queue < 4; queue++)
          while (b.driver.receive(queue)) counts[queue] = (counts[queue] as number) + 1
      }
      return counts
    }
    const set = (pairs: number): number | undefined => {
      b.driver.sendControl(VIRTIO_NET_CTRL.MQ, 0, Uint8Array.of(pairs & 0xff, pairs >> 8))
      engine.step()
      return b.driver.takeControlAck()
    }
    expect(set(4)).toBe(VIRTIO_NET_OK)
    expect(flows().every((count) => count > 0)).toBe(true)
    expect(set(2)).toBe(VIRTIO_NET_OK)
    const two = flows()
    expect(two.map((count) => count > 0)).toEqual([true, true, false, false])
    for (const wrong of [0, 5, 0x8000]) expect(set(wrong)).toBe(VIRTIO_NET_ERR)
    expect(set(1)).toBe(VIRTIO_NET_OK)
    expect(flows()).toEqual([64, 0, 0, 0])
  })

  it('5.1.6.5.9 offloads can be switched off and on while running, and only those negotiated', () => {
    const { engine, a, b, command } = controlled()
    const whole = partialPacket({ payload: payload.subarray(0, 1500) })
    const types = (): (number | undefined)[] => {
      a.driver.send(whole, { ...gso(whole), gsoSize: 1000 })
      engine.step()
      return [b.driver.receive(), b.driver.receive()].map((got) => got?.header.gsoType)
    }
    const mask = (bits: bigint): number[] => [...new Uint8Array(new BigUint64Array([bits]).buffer)]
    expect(types()).toEqual([1, undefined])
    expect(command(VIRTIO_NET_CTRL.GUEST_OFFLOADS, 0, mask(VIRTIO_NET_F.GUEST_CSUM))).toBe(VIRTIO_NET_OK)
    expect(types()).toEqual([0, 0])
    expect(command(VIRTIO_NET_CTRL.GUEST_OFFLOADS, 0, mask(VIRTIO_NET_F.GUEST_TSO6))).toBe(VIRTIO_NET_ERR)
    const all = VIRTIO_NET_F.GUEST_CSUM | VIRTIO_NET_F.GUEST_TSO4
    expect(command(VIRTIO_NET_CTRL.GUEST_OFFLOADS, 0, mask(all))).toBe(VIRTIO_NET_OK)
    expect(types()).toEqual([1, undefined])
  })

  it('5.1.6.5.10 a driver that coalesces bounds the hold, and its wish goes with it', () => {
    const { engine, command, b } = controlled(CONTROL | VIRTIO_NET_F.NOTF_COAL)
    const row = new PortRow(engine.memory, 1)
    const limits = (): number[] => [row.getF64(P_HOLD_US), row.get(P_MAX_BATCH_FRAMES)]
    const words = (...values: number[]): number[] => [...new Uint8Array(Uint32Array.from(values).buffer)]
    const coalesce = (what: number, ...values: number[]) =>
      command(VIRTIO_NET_CTRL.NOTF_COAL, what, words(...values))
    engine.tune({ policy: { name: 'fixed', holdUs: 100, maxFrames: 64 } })
    expect(limits()).toEqual([100, 64])
    expect(coalesce(VIRTIO_NET_CTRL_NOTF_COAL.RX_SET, 16, 40)).toBe(VIRTIO_NET_OK)
    expect(limits()).toEqual([40, 16])
    engine.tune({ policy: { name: 'fixed', holdUs: 20, maxFrames: 8 } })
    expect(limits()).toEqual([20, 8])
    engine.tune({ policy: { name: 'fixed', holdUs: 300, maxFrames: 128 } })
    expect(limits()).toEqual([40, 16])
    expect(coalesce(VIRTIO_NET_CTRL_NOTF_COAL.RX_SET, 0, 0)).toBe(VIRTIO_NET_OK)
    expect(limits()).toEqual([0, 128])
    expect(coalesce(VIRTIO_NET_CTRL_NOTF_COAL.TX_SET, 1, 1)).toBe(VIRTIO_NET_OK)
    expect(coalesce(2, 1, 1)).toBe(VIRTIO_NET_ERR)
    expect(command(VIRTIO_NET_CTRL.NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL.RX_SET, words(1))).toBe(
      VIRTIO_NET_ERR,
    )
    expect(limits()).toEqual([0, 128])
    b.frontend.setStatus(0)
    engine.step()
    expect(limits()).toEqual([300, 128])
  })

  it('5.1.6.5.10 coalescing is refused to a driver that did not negotiate it', () => {
    const { command } = controlled()
    expect(command(VIRTIO_NET_CTRL.NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL.RX_SET, new Array(8).fill(1))).toBe(
      VIRTIO_NET_ERR,
    )
  })
})

/*
 * Requirements of 5.1.6 on the device without a test here:
 *
 *   5.1.6.4.1, csum_start and csum_offset when the VLAN tag moves, segments in detail:
 *     checksum.test.ts, segmentation.test.ts
 *   5.1.6.4.1, hdr_len SHOULD cover the headers: it is passed on as the sender gave it
 *   5.1.6.5.6.2, steering by what was transmitted (SHOULD): flows are spread by a hash of their addresses
 *   5.1.6.2.2, GUEST_HDRLEN; 5.1.6.4.1, RSC_EXT; hash calculation and reporting; RSS; coalescing by
 *     virtqueue; statistics; inner header hash: these features are not offered
 *   UFO (gso_type UDP): not offered, and frames of that type are dropped, as tested
 */
