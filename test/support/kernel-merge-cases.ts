/**
 * What the kernel's own merging (GRO) owes its users, as its selftest tools/testing/selftests/net/gro.c (Linux 6.12)
 * asks it: twelve cases, six for each IP version, each of several bursts. A burst is right when the frames that arrive
 * carry just these payloads. Later selftests ask two bursts more or otherwise; what they want of CWR and of
 * identifications that stay without DF cannot be told to a receiver (plane/merge/match.ts).
 */
import {
  completed,
  DESTINATION,
  type Extension,
  layoutOf,
  onesSum,
  type PacketOptions,
  partialPacket,
} from '../model/packets.js'

/** Frames sent together, and the payload bytes of each frame that must come of them. */
export interface Burst {
  readonly title: string
  readonly frames: readonly Uint8Array[]
  readonly payloads: readonly number[]
}

export type CaseName = 'data' | 'ack' | 'flags' | 'tcp' | 'ip' | 'large'
export const CASE_NAMES: readonly CaseName[] = ['data', 'ack', 'flags', 'tcp', 'ip', 'large']

const [FIN, PSH, ACK, SYN, RST, URG] = [0x01, 0x08, 0x10, 0x02, 0x04, 0x20]
const BYTES = 100
const START = 100
/** IP packets of 4096 bytes with headers of IPv6. */
const MSS = 4036
const MAX_PAYLOAD = 65_475

interface Segment {
  /** Offset of its payload in the stream. */
  readonly at: number
  readonly bytes?: number
  readonly flags?: number
  readonly options?: readonly number[]
  readonly extensions?: readonly Extension[]
  readonly ipOptions?: readonly number[]
  readonly identification?: number
  /** Changes the frame: before its checksums are made, or after. */
  readonly change?: (frame: Uint8Array, network: number, transport: number) => void
  readonly corrupt?: (frame: Uint8Array, transport: number) => void
}

function segment(
  v6: boolean,
  { at, bytes = BYTES, flags = ACK, change, corrupt, ...more }: Segment,
): Uint8Array {
  const packet: PacketOptions = {
    v6,
    payload: new Uint8Array(bytes).fill(0x61),
    tcpFlags: flags,
    sequence: START + at,
    identification: more.identification ?? 0,
    ...(more.options ? { tcpOptions: Uint8Array.from(more.options) } : {}),
    ...(more.ipOptions ? { ipOptions: Uint8Array.from(more.ipOptions) } : {}),
    ...(more.extensions ? { extensions: more.extensions } : {}),
  }
  const partial = partialPacket(packet)
  const { network, transport } = layoutOf(partial)
  change?.(partial, network, transport)
  if (!v6) {
    partial.fill(0, network + 10, network + 12)
    const sum = ~onesSum(partial.subarray(network, transport)) & 0xffff
    partial.set([sum >> 8, sum & 0xff], network + 10)
  }
  const frame = completed(partial, false)
  corrupt?.(frame, transport)
  return frame
}

const STAMP = (value: number): number[] => [8, 10, value, 0, 0, 0, 0, 0, 0, 0]
const STAMPS = (value: number, order: 0 | 1 | 2 = 0): number[] =>
  [
    [1, 1, ...STAMP(value)],
    [1, ...STAMP(value), 1],
    [...STAMP(value), 1, 1],
  ][order] as number[]
const WINDOW_SCALE = [1, 3, 3, 0]
/** An IPv4 timestamp option of 12 bytes. */
const IP_STAMP = [68, 12, 5, 0, ...new Array(8).fill(0)]
const OTHER: Extension = [60, new Array(6).fill(0x11)]
const FRAGMENT: Extension = [44, new Array(6).fill(0)]

function flagged(v6: boolean, title: string, flag: number, payloads: number[], carries = false): Burst {
  const frames: Uint8Array[] = []
  for (let i = 0; i < 5; i++) {
    const isFlagged = i === 2
    const bytes = isFlagged && !carries ? 0 : BYTES
    const at = isFlagged && !carries ? 0 : i * BYTES
    frames.push(segment(v6, { at, bytes, flags: isFlagged ? ACK | flag : ACK }))
  }
  return { title, frames, payloads }
}

/** The bursts of a case over one IP version. */
export function burstsOf(name: CaseName, v6: boolean): Burst[] {
  const one = (wish: Segment): Uint8Array => segment(v6, wish)
  const burst = (title: string, payloads: number[], ...wishes: Segment[]): Burst => ({
    title,
    frames: wishes.map(one),
    payloads,
  })
  const next = { at: BYTES }
  switch (name) {
    case 'data':
      return [
        burst('same size', [200], { at: 0 }, next),
        burst('a smaller one behind', [150], { at: 0 }, { ...next, bytes: 50 }),
        burst('a larger one behind', [50, 100], { at: 0, bytes: 50 }, { at: 50 }),
      ]
    case 'ack': {
      const later = (frame: Uint8Array, _: number, transport: number): void => {
        frame[transport + 11] = 0x0e
      }
      const ack = { at: 0, bytes: 0 }
      return [burst('pure and duplicate acknowledgements', [0, 0, 0], ack, ack, { ...ack, change: later })]
    }
    case 'flags':
      return [
        flagged(v6, 'PSH ends it', PSH, [300, 200], true),
        flagged(v6, 'SYN ends it', SYN, [200, 0, 200]),
        flagged(v6, 'RST ends it', RST, [200, 0, 200]),
        flagged(v6, 'URG ends it', URG, [200, 0, 200]),
      ]
    case 'tcp': {
      const spoil = (frame: Uint8Array, transport: number): void => {
        frame[transport + 17] = ((frame[transport + 17] as number) + 1) & 0xff
      }
      const stamped = (i: number, value: number, order: 0 | 1 | 2 = 0): Segment => ({
        at: i * BYTES,
        options: STAMPS(value, order),
      })
      return [
        burst('a wrong checksum', [100, 100], { at: 0 }, { ...next, corrupt: spoil }),
        burst('a sequence number too far', [100, 100], { at: 0 }, { at: BYTES + 1 }),
        burst(
          'other timestamps, and others in their order',
          [200, 100, 100, 100],
          stamped(0, 0),
          stamped(1, 0),
          stamped(2, 100),
          stamped(3, 100, 1),
          stamped(4, 100, 2),
        ),
        burst('other options', [200, 100], stamped(0, 0), stamped(1, 0), { at: 200, options: WINDOW_SCALE }),
      ]
    }
    case 'ip':
      return v6 ? ipv6Bursts(burst) : ipv4Bursts(burst)
    case 'large': {
      const whole = MAX_PAYLOAD + (v6 ? 0 : 20)
      const count = Math.floor(MAX_PAYLOAD / MSS)
      const rest = whole % MSS
      const stream = (last: number): Segment[] => [
        ...Array.from({ length: count }, (_, i) => ({ at: i * MSS, bytes: MSS })),
        { at: count * MSS, bytes: last },
        { at: (count + 1) * MSS, bytes: last },
      ]
      return [
        burst('up to the largest IP packet', [whole, rest], ...stream(rest)),
        burst('one byte beyond it', [whole - rest, rest + 1, rest + 1], ...stream(rest + 1)),
      ]
    }
  }
}

/** A frame that ends nothing but the wait: FIN, of the same flow. */
export function lastFrame(v6: boolean): Uint8Array {
  return segment(v6, { at: 0, bytes: 0, flags: ACK | FIN })
}
/** Whether a frame that arrived is lastFrame(). */
export function isLast(frame: Uint8Array): boolean {
  return ((frame[layoutOf(frame).transport + 13] as number) & FIN) !== 0
}

type MakeBurst = (title: string, payloads: number[], ...wishes: Segment[]) => Burst

function ipv4Bursts(burst: MakeBurst): Burst[] {
  const set =
    (offset: number, value: number) =>
    (frame: Uint8Array, network: number): void => {
      frame[network + offset] = value
    }
  const identified = (title: string, payloads: number[], df: boolean, ...ids: number[]): Burst =>
    burst(
      title,
      payloads,
      ...ids.map((identification, i) => ({ at: i * BYTES, identification, change: set(6, df ? 0x40 : 0) })),
    )
  const second = (change: NonNullable<Segment['change']>): Segment[] => [{ at: 0 }, { at: BYTES, change }]
  return [
    burst('other ECN bits', [100, 100], ...second(set(1, 2))),
    burst('another TOS', [100, 100], ...second(set(1, 1))),
    burst('another TTL', [100, 100], ...second(set(8, 7))),
    burst('IP options', [100, 100, 100], { at: 0 }, { at: BYTES, ipOptions: IP_STAMP }, { at: 2 * BYTES }),
    burst('a fragment', [100, 100], ...second(set(6, 0x60))),
    identified('rising identifications with DF', [200], true, 8, 9),
    identified('fixed identifications with DF', [200], true, 8, 8),
    identified('rising identifications without DF', [200], false, 8, 9),
    identified('fixed identifications without DF', [100, 100], false, 8, 8),
    identified('rising, then fixed', [200, 100], true, 8, 9, 9),
    identified('fixed, then rising', [200, 100], true, 8, 8, 9),
  ]
}

function ipv6Bursts(burst: MakeBurst): Burst[] {
  const set =
    (offset: number, value: number) =>
    (frame: Uint8Array, network: number): void => {
      frame[network + offset] = value
    }
  const second = (change: NonNullable<Segment['change']>): Segment[] => [{ at: 0 }, { at: BYTES, change }]
  return [
    burst('other ECN bits', [100, 100], ...second(set(1, 0x20))),
    burst('another traffic class', [100, 100], ...second(set(0, 0x6f))),
    burst(
      'a fragment',
      [200, 100, 100],
      { at: 0 },
      { at: BYTES },
      { at: 2 * BYTES, extensions: [FRAGMENT] },
      { at: 3 * BYTES },
    ),
    burst(
      'the same extension headers',
      [200],
      { at: 0, extensions: [DESTINATION] },
      { at: BYTES, extensions: [DESTINATION] },
    ),
    burst(
      'other extension headers',
      [100, 100],
      { at: 0, extensions: [DESTINATION] },
      { at: BYTES, extensions: [OTHER] },
    ),
  ]
}
