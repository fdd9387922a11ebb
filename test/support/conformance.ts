/**
 * The port conformance suite: what every kind of port owes the bridge, whatever is behind it. A kind that
 * cannot do something declares it as an exception, with the reason, which is printed with the skipped test.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  DROP_ISOLATED,
  DROP_NO_LINK,
  DROP_REASONS,
  DROP_RING_FULL,
  DROP_TOO_LONG,
  DROP_VLAN,
} from '../../src/core/layout.js'
import type { NetHeader, ReceivedFrame } from '../../src/driver/net-driver.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_HDR_F, VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'
import type { FarSide } from './far-sides.js'
import { checkedPayload, type IpFrameOptions, ipFrame } from './ip-frames.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from './switch.js'

/** A port in an engine, with its far side. */
export interface Bench {
  far: FarSide
  /** Makes the far side go and come back, as this kind's users would see it. */
  replug?(): void
  /** Names what is left of the port after the engine closed: sockets, devices. */
  traces(): string[]
  /** Frees what the bench itself made. */
  close(): void
}

/** What a kind may be unable to do. */
export type Trait = 'fullReceiver' | 'sendsOffloads' | 'udpSegments' | 'replug'

export interface PortCase {
  readonly title: string
  /** Why the whole case cannot run on this machine. */
  readonly skip?: string | undefined
  /** Largest frame that the far side sends and takes, in bytes. */
  readonly maxFrameBytes: number
  /** Whether GSO frames and partial checksums leave the port as they are. */
  readonly takesOffloads: boolean
  /** Whether the kernel or the far side cuts large frames before the port sees them. */
  readonly cutsOnArrival?: boolean
  readonly exceptions?: Partial<Record<Trait, string>>
  /** Adds the port, named "port", as the engine's first one, and brings it up. */
  open(engine: Engine, settings: Partial<PortSettings>): Bench
}

const PORT = 0
/** Stations: the far side of the port under test, and two guests. */
const FAR = 1
const GUEST = 2
const OTHER = 3
const PLAIN_FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF
const SIZES = [14, 60, 64, 65, 1514, 1518, 4000, 9000]

/** Steps the engine until `take` has given `count` frames, or for a bounded number of steps. */
export function collect(
  engine: Engine,
  take: () => ReceivedFrame | undefined,
  count: number,
  steps = 200,
): ReceivedFrame[] {
  const frames: ReceivedFrame[] = []
  for (let step = 0; step < steps && frames.length < count; step++) {
    engine.step(500)
    for (let next = take(); next; next = take()) frames.push(next)
  }
  return frames
}

/** Frames that come although none should: polls for a while. */
function stray(engine: Engine, take: () => ReceivedFrame | undefined): number {
  return collect(engine, take, 1, 8).length
}

/** Sends a frame from the far side, whose own device may refuse it for its length. */
function sendIfTaken(far: FarSide, data: Uint8Array): void {
  try {
    far.send(data)
  } catch (error) {
    if (!String(error).includes('EMSGSIZE')) throw error
  }
}

function same(frame: Uint8Array | undefined, expected: Uint8Array): boolean {
  return frame !== undefined && Buffer.compare(frame, expected) === 0
}

function tagged(plain: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, vlan >> 8, vlan & 0xff, ...plain.subarray(12)])
}

function drops(engine: Engine, port: number): number {
  let sum = 0
  for (let reason = 0; reason < DROP_REASONS; reason++) sum += dropped(engine, port, reason)
  return sum
}

/** Checks that frames are the segments of a large one, each complete and right. */
function expectSegments(frames: readonly ReceivedFrame[], payload: Uint8Array, size: number): void {
  const parts = frames.map(({ frame, header }) => {
    expect(header.gsoType).toBe(VIRTIO_NET_HDR_GSO.NONE)
    expect(header.flags & VIRTIO_NET_HDR_F.NEEDS_CSUM).toBe(0)
    return checkedPayload(frame)
  })
  expect(parts.slice(0, -1).every((part) => part.length === size)).toBe(true)
  expect(Buffer.compare(Buffer.concat(parts), payload)).toBe(0)
}

const LARGE: readonly IpFrameOptions[] = [
  { ip: 4, protocol: 'tcp', payloadBytes: 20_001, gsoSize: 1448 },
  { ip: 6, protocol: 'tcp', payloadBytes: 64_000, gsoSize: 1428 },
  { ip: 4, protocol: 'udp', payloadBytes: 9_999, gsoSize: 1400 },
  { ip: 6, protocol: 'udp', payloadBytes: 12_000, gsoSize: 1200 },
]

function titleOf(options: IpFrameOptions): string {
  return `${options.protocol.toUpperCase()} over IPv${options.ip}`
}

/** Runs the suite for one kind of port. */
export function describePort(port: PortCase): void {
  if (port.skip !== undefined) console.warn(`skipped: port conformance of ${port.title}: ${port.skip}`)
  describe.skipIf(port.skip !== undefined)(`port conformance: ${port.title}`, () => {
    let engine: Engine
    let bench: Bench | undefined
    beforeEach(() => {
      engine = newEngine()
    })
    afterEach(() => {
      bench?.far.close()
      cleanUp()
      bench?.close()
      bench = undefined
    })

    /** The port under test and a guest; both stations known to the bridge unless `learn` is false. */
    function wire(
      settings: Partial<PortSettings> = {},
      guestSettings: Partial<PortSettings> = {},
      features?: bigint,
      learn = true,
    ): { far: FarSide; guest: EmbeddedGuest } {
      bench = port.open(engine, { mtu: 9100, ...settings })
      const guest = attach(engine, 'guest', features === undefined ? {} : { features }, {
        merge: false,
        ...guestSettings,
      })
      if (learn) {
        bench.far.send(broadcast(FAR))
        collect(engine, () => guest.driver.receive(), 1)
        guest.driver.send(broadcast(GUEST))
        collect(engine, () => bench?.far.receive(), 1)
      }
      return { far: bench.far, guest }
    }

    /** Whether the kind can carry a large frame of this protocol at all, and whether it leaves the port as it is. */
    const mayPass = ({ protocol }: IpFrameOptions): boolean =>
      protocol === 'tcp' || port.exceptions?.udpSegments === undefined
    const isWhole = (options: IpFrameOptions): boolean => port.takesOffloads && mayPass(options)

    function traitTest(trait: Trait, title: string, run: () => void): void {
      const reason = port.exceptions?.[trait]
      if (reason === undefined) it(title, run)
      else it.skip(`${title} (exception: ${reason})`, run)
    }

    it('carries frames of every size both ways, byte for byte and in order', () => {
      const { far, guest } = wire()
      const sizes = SIZES.filter((bytes) => bytes <= port.maxFrameBytes)
      for (const bytes of sizes) far.send(frame(GUEST, FAR, bytes, bytes))
      const toGuest = collect(engine, () => guest.driver.receive(), sizes.length)
      expect(toGuest.map((received) => received.frame.length)).toEqual(sizes)
      for (const [index, bytes] of sizes.entries())
        expect(same(toGuest[index]?.frame, frame(GUEST, FAR, bytes, bytes))).toBe(true)
      for (const bytes of sizes) guest.driver.send(frame(FAR, GUEST, bytes, bytes))
      const toFar = collect(engine, () => far.receive(), sizes.length)
      expect(toFar.map((received) => received.frame.length)).toEqual(sizes)
      for (const [index, bytes] of sizes.entries())
        expect(same(toFar[index]?.frame, frame(FAR, GUEST, bytes, bytes))).toBe(true)
    })

    it('keeps the order of a long run of frames both ways', () => {
      const { far, guest } = wire()
      const numbered = (to: number, from: number, number: number): Uint8Array => {
        const data = frame(to, from, 60 + (number % 700))
        data.set([number >> 8, number & 0xff], 14)
        return data
      }
      const numbers = (frames: ReceivedFrame[]): number[] =>
        frames.map(({ frame }) => ((frame[14] as number) << 8) | (frame[15] as number))
      const expected = Array.from({ length: 1500 }, (_, number) => number)
      const toGuest: ReceivedFrame[] = []
      const toFar: ReceivedFrame[] = []
      for (const number of expected) {
        far.send(numbered(GUEST, FAR, number))
        guest.driver.send(numbered(FAR, GUEST, number))
        if (number % 50 !== 49) continue
        toGuest.push(...collect(engine, () => guest.driver.receive(), 50))
        toFar.push(...collect(engine, () => far.receive(), 50))
      }
      expect(numbers(toGuest)).toEqual(expected)
      expect(numbers(toFar)).toEqual(expected)
    })

    it('floods broadcasts and unknown addresses, and sends known ones to their port alone', () => {
      const { far, guest } = wire({}, {}, undefined, false)
      const other = attach(engine, 'other')
      far.send(broadcast(FAR))
      expect(same(collect(engine, () => guest.driver.receive(), 1)[0]?.frame, broadcast(FAR))).toBe(true)
      expect(same(other.driver.receive()?.frame, broadcast(FAR))).toBe(true)
      guest.driver.send(frame(99, GUEST, 100))
      expect(same(collect(engine, () => far.receive(), 1)[0]?.frame, frame(99, GUEST, 100))).toBe(true)
      expect(same(other.driver.receive()?.frame, frame(99, GUEST, 100))).toBe(true)
      far.send(frame(GUEST, FAR, 100))
      expect(same(collect(engine, () => guest.driver.receive(), 1)[0]?.frame, frame(GUEST, FAR, 100))).toBe(
        true,
      )
      expect(stray(engine, () => other.driver.receive())).toBe(0)
      other.driver.send(frame(GUEST, OTHER, 100))
      expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
      expect(stray(engine, () => far.receive())).toBe(0)
    })

    traitTest('fullReceiver', 'drops by name when its receiver is full, and holds up nobody else', () => {
      const { far, guest } = wire()
      const other = attach(engine, 'other')
      other.driver.send(broadcast(OTHER))
      collect(engine, () => far.receive(), 1)
      collect(engine, () => guest.driver.receive(), 1)
      const before = counter(engine, PORT, C_EGRESS_FRAMES)
      let sent = 0
      while (sent < 4000 && dropped(engine, PORT, DROP_RING_FULL) < 100) {
        for (let burst = 0; burst < 50; burst++, sent++) guest.driver.send(frame(FAR, GUEST, 1500, sent))
        engine.step()
      }
      expect(dropped(engine, PORT, DROP_RING_FULL)).toBeGreaterThanOrEqual(100)
      guest.driver.send(frame(OTHER, GUEST, 500))
      expect(same(collect(engine, () => other.driver.receive(), 1)[0]?.frame, frame(OTHER, GUEST, 500))).toBe(
        true,
      )
      const kept = sent - dropped(engine, PORT, DROP_RING_FULL)
      expect(collect(engine, () => far.receive(), kept, 4000)).toHaveLength(kept)
      expect(counter(engine, PORT, C_EGRESS_FRAMES) - before).toBe(kept)
      expect(stray(engine, () => far.receive())).toBe(0)
      guest.driver.send(frame(FAR, GUEST, 77))
      expect(same(collect(engine, () => far.receive(), 1)[0]?.frame, frame(FAR, GUEST, 77))).toBe(true)
    })

    it('takes tags in and out as an access port', () => {
      const { far, guest } = wire({ vlan: 10 }, { trunk: [10, 20] })
      far.send(frame(GUEST, FAR, 200))
      expect(
        same(collect(engine, () => guest.driver.receive(), 1)[0]?.frame, tagged(frame(GUEST, FAR, 200), 10)),
      ).toBe(true)
      guest.driver.send(tagged(frame(FAR, GUEST, 300), 10))
      expect(same(collect(engine, () => far.receive(), 1)[0]?.frame, frame(FAR, GUEST, 300))).toBe(true)
      const before = dropped(engine, PORT, DROP_VLAN)
      guest.driver.send(tagged(broadcast(GUEST), 20))
      expect(stray(engine, () => far.receive())).toBe(0)
      far.send(tagged(frame(GUEST, FAR, 200), 20))
      expect(stray(engine, () => guest.driver.receive())).toBe(0)
      expect(dropped(engine, PORT, DROP_VLAN) - before).toBe(2)
    })

    it('carries the tags of its VLANs as a trunk', () => {
      const { far, guest } = wire({ trunk: [10, 20] }, { vlan: 10 }, undefined, false)
      far.send(tagged(frame(GUEST, FAR, 200), 10))
      expect(same(collect(engine, () => guest.driver.receive(), 1)[0]?.frame, frame(GUEST, FAR, 200))).toBe(
        true,
      )
      guest.driver.send(frame(FAR, GUEST, 300))
      expect(
        same(collect(engine, () => far.receive(), 1)[0]?.frame, tagged(frame(FAR, GUEST, 300), 10)),
      ).toBe(true)
      far.send(tagged(broadcast(FAR), 20))
      far.send(tagged(broadcast(FAR), 30))
      expect(stray(engine, () => guest.driver.receive())).toBe(0)
      expect(dropped(engine, PORT, DROP_VLAN)).toBe(1)
    })

    it('drops what is longer than its MTU both ways, segments included, one tag not counted', () => {
      const { far, guest } = wire({ mtu: 1400 })
      const sizes = [1414, 1415, 1400 + 14 + 4]
      for (const bytes of sizes) guest.driver.send(frame(FAR, GUEST, bytes))
      for (const bytes of [1414, 1415]) guest.driver.send(tagged(frame(FAR, GUEST, bytes), 5))
      for (const gsoSize of [1361, 1360]) {
        const { frame: large, header } = ipFrame(FAR, GUEST, {
          ip: 4,
          protocol: 'tcp',
          payloadBytes: 2720,
          gsoSize,
        })
        guest.driver.send(large, header)
      }
      const large = port.takesOffloads ? [2774] : [1414, 1414]
      const toFar = collect(engine, () => far.receive(), 2 + large.length)
      expect(toFar.map((received) => received.frame.length)).toEqual([1414, 1418, ...large])
      expect(dropped(engine, PORT, DROP_TOO_LONG)).toBe(4)
      for (const bytes of sizes) sendIfTaken(far, frame(GUEST, FAR, bytes))
      for (const bytes of [1414, 1415]) sendIfTaken(far, tagged(frame(GUEST, FAR, bytes), 5))
      const toGuest = collect(engine, () => guest.driver.receive(), 2)
      expect(toGuest.map((received) => received.frame.length)).toEqual([1414, 1418])
      expect(stray(engine, () => guest.driver.receive())).toBe(0)
    })

    it.each(
      LARGE.map((options) => ({
        how: isWhole(options) ? 'passes on whole' : 'gets in checked segments',
        what: titleOf(options),
        options,
      })),
    )('$how a large frame of $what', ({ options }) => {
      const { far, guest } = wire()
      const { frame: large, header, payload } = ipFrame(FAR, GUEST, options)
      guest.driver.send(large, header)
      if (!isWhole(options)) {
        const count = Math.ceil(payload.length / (options.gsoSize as number))
        expectSegments(
          collect(engine, () => far.receive(), count),
          payload,
          options.gsoSize as number,
        )
        return
      }
      const [whole] = collect(engine, () => far.receive(), 1)
      expect(same(whole?.frame, large)).toBe(true)
      expect(whole?.header).toMatchObject({
        gsoType: header.gsoType,
        gsoSize: header.gsoSize,
        csumStart: header.csumStart,
        csumOffset: header.csumOffset,
      })
    })

    it('carries large frames through a VLAN tag', () => {
      const { far, guest } = wire({ trunk: [10] }, { vlan: 10 }, undefined, false)
      const options: IpFrameOptions = { ip: 4, protocol: 'tcp', payloadBytes: 10_000, gsoSize: 1448 }
      const { frame: large, header, payload } = ipFrame(FAR, GUEST, options)
      guest.driver.send(large, header)
      if (port.takesOffloads) {
        const [whole] = collect(engine, () => far.receive(), 1)
        expect(same(whole?.frame, tagged(large, 10))).toBe(true)
        expect(whole?.header).toMatchObject({ gsoSize: 1448, csumStart: (header.csumStart as number) + 4 })
      } else
        expectSegments(
          collect(engine, () => far.receive(), 7),
          payload,
          1448,
        )
      if (port.exceptions?.sendsOffloads !== undefined) return
      const back = ipFrame(GUEST, FAR, { ...options, vlan: 10 })
      far.send(back.frame, back.header)
      const count = port.cutsOnArrival ? 7 : 1
      const frames = collect(engine, () => guest.driver.receive(), count)
      if (count > 1) expectSegments(frames, back.payload, 1448)
      else {
        expect(same(frames[0]?.frame, ipFrame(GUEST, FAR, options).frame)).toBe(true)
        expect(frames[0]?.header).toMatchObject({ gsoSize: 1448, csumStart: header.csumStart as number })
      }
    })

    for (const options of LARGE)
      traitTest(
        mayPass(options) ? 'sendsOffloads' : 'udpSegments',
        `hands in large frames of ${titleOf(options)}, whole or cut as the receiver takes them`,
        () => {
          const { far, guest } = wire()
          const plain = attach(engine, 'plain', { features: PLAIN_FEATURES })
          plain.driver.send(broadcast(OTHER))
          collect(engine, () => far.receive(), 1)
          collect(engine, () => guest.driver.receive(), 1)
          const size = options.gsoSize as number
          const toPlain = ipFrame(OTHER, FAR, options)
          const count = Math.ceil(toPlain.payload.length / size)
          far.send(toPlain.frame, toPlain.header)
          expectSegments(
            collect(engine, () => plain.driver.receive(), count),
            toPlain.payload,
            size,
          )
          const toGuest = ipFrame(GUEST, FAR, options)
          far.send(toGuest.frame, toGuest.header)
          if (port.cutsOnArrival) {
            expectSegments(
              collect(engine, () => guest.driver.receive(), count),
              toGuest.payload,
              size,
            )
            return
          }
          const [whole] = collect(engine, () => guest.driver.receive(), 1)
          expect(same(whole?.frame, toGuest.frame)).toBe(true)
          expect(whole?.header).toMatchObject({
            flags: VIRTIO_NET_HDR_F.NEEDS_CSUM,
            gsoType: toGuest.header.gsoType,
            gsoSize: size,
          })
        },
      )

    const PARTIAL: readonly IpFrameOptions[] = [
      { ip: 4, protocol: 'tcp', payloadBytes: 1001 },
      { ip: 4, protocol: 'udp', payloadBytes: 1 },
      { ip: 6, protocol: 'udp', payloadBytes: 1200 },
    ]
    for (const options of PARTIAL) {
      it(`delivers a partial checksum of ${titleOf(options)} so that its receiver can accept it`, () => {
        const { far, guest } = wire()
        const { frame: partial, header, payload } = ipFrame(FAR, GUEST, options)
        guest.driver.send(partial, header)
        const [received] = collect(engine, () => far.receive(), 1)
        const isPartial = (received?.header.flags ?? 0) & VIRTIO_NET_HDR_F.NEEDS_CSUM
        if (!port.takesOffloads) expect(isPartial).toBe(0)
        if (isPartial) {
          expect(same(received?.frame, partial)).toBe(true)
          expect(received?.header).toMatchObject(pick(header))
        } else expect(same(checkedPayload(received?.frame as Uint8Array), payload)).toBe(true)
      })

      traitTest(
        'sendsOffloads',
        `completes a partial checksum of ${titleOf(options)} for a guest that takes none`,
        () => {
          const { far, guest } = wire({}, {}, PLAIN_FEATURES)
          const { frame: partial, header, payload } = ipFrame(GUEST, FAR, options)
          far.send(partial, header)
          const [received] = collect(engine, () => guest.driver.receive(), 1)
          expect(received?.header.flags).toBe(0)
          expect(same(checkedPayload(received?.frame as Uint8Array), payload)).toBe(true)
        },
      )
    }

    it('reaches no isolated port when it is isolated itself', () => {
      const { far, guest } = wire({ isolated: true }, { isolated: true }, undefined, false)
      const other = attach(engine, 'other')
      far.send(broadcast(FAR))
      expect(collect(engine, () => other.driver.receive(), 1)).toHaveLength(1)
      expect(stray(engine, () => guest.driver.receive())).toBe(0)
      guest.driver.send(frame(FAR, GUEST, 100))
      expect(stray(engine, () => far.receive())).toBe(0)
      expect(dropped(engine, PORT, DROP_ISOLATED)).toBe(1)
      other.driver.send(frame(FAR, OTHER, 100))
      expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
    })

    it('counts every frame: in at one port is out at another or dropped by name', () => {
      const { far, guest } = wire()
      const at = (index: number): number[] => [PORT, 1].map((row) => counter(engine, row, index))
      const before = [C_INGRESS_FRAMES, C_INGRESS_BYTES, C_EGRESS_FRAMES, C_EGRESS_BYTES].map(at) as [
        number[],
        number[],
        number[],
        number[],
      ]
      const dropsBefore = drops(engine, PORT) + drops(engine, 1)
      let bytes = 0
      for (let index = 0; index < 40; index++) {
        far.send(frame(GUEST, FAR, 100 + index))
        guest.driver.send(frame(FAR, GUEST, 100 + index))
        bytes += 100 + index
      }
      // A group address as source is never forwarded: in, and dropped by name.
      const rogue = frame(FAR, GUEST, 100)
      rogue[6] = 3
      guest.driver.send(rogue)
      expect(collect(engine, () => guest.driver.receive(), 40)).toHaveLength(40)
      expect(collect(engine, () => far.receive(), 40)).toHaveLength(40)
      expect(stray(engine, () => far.receive())).toBe(0)
      const after = [C_INGRESS_FRAMES, C_INGRESS_BYTES, C_EGRESS_FRAMES, C_EGRESS_BYTES].map(
        at,
      ) as typeof before
      const grown = after.map((row, index) =>
        row.map((value, side) => value - (before[index]?.[side] as number)),
      )
      expect(grown).toEqual([
        [40, 41],
        [bytes, bytes + 100],
        [40, 40],
        [bytes, bytes],
      ])
      expect(drops(engine, PORT) + drops(engine, 1) - dropsBefore).toBe(1)
    })

    traitTest('replug', 'goes on when its peer goes and comes back', () => {
      const { far, guest } = wire()
      far.close()
      bench?.replug?.()
      const fresh = bench?.far as FarSide
      // The address was forgotten with the peer, so frames to it flood until it is heard of again.
      guest.driver.send(frame(FAR, GUEST, 100))
      expect(same(collect(engine, () => fresh.receive(), 1)[0]?.frame, frame(FAR, GUEST, 100))).toBe(true)
      fresh.send(frame(GUEST, FAR, 101))
      expect(same(collect(engine, () => guest.driver.receive(), 1)[0]?.frame, frame(GUEST, FAR, 101))).toBe(
        true,
      )
      expect(engine.ports[0]?.status()).toMatchObject({ state: 'up', detachments: 0 })
      expect(dropped(engine, PORT, DROP_NO_LINK)).toBe(0)
    })

    it('leaves nothing behind when it is closed, and its row serves the next port', () => {
      const { far } = wire()
      const free = engine.memory.freeBytes
      far.close()
      engine.removePort('port')
      expect(bench?.traces()).toEqual([])
      expect(engine.memory.freeBytes).toBeGreaterThan(free)
      bench?.close()
      bench = port.open(engine, {})
      expect(engine.ports.at(-1)?.status()).toMatchObject({ state: 'up' })
      expect(engine.ports.at(-1)?.index).toBe(PORT)
    })
  })
}

function pick(header: Partial<NetHeader>): Partial<NetHeader> {
  return { csumStart: header.csumStart as number, csumOffset: header.csumOffset as number }
}
