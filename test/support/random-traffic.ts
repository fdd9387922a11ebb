// Random guests and traffic for beds of two paths (two-paths.ts).
import fc from 'fast-check'
import type { TxLayout } from '../../src/driver/net-driver.js'
import type { PortSettings } from '../../src/port/config.js'
import { ipFrame } from './ip-frames.js'
import { frame, withTags } from './switch.js'

/** As a source: the guest's own address. As a destination: the next guest's. As a tag: as the guest's port is set. */
const OWN = -1
const NEXT = 1000
const USUAL: readonly number[] = [0]
/** Destinations without a guest: nobody's address, a group, all stations. */
const NOBODY = 99
const GROUP = 254
const ALL = 255
/** Rows, and the last bytes of the addresses, of host ports. */
export const FIRST_HOST = 20
export const GROUP_ADDRESS = [1, 0, 0x5e, 1, 2, 3]

/** What a bed has, and where frames go. */
export interface Kind {
  readonly guests: number
  readonly hosts: number
  /** Mostly to all stations, groups and unknown ones, and to host ports. */
  readonly floods: boolean
}

/** Bits of a guest's receive filter: a mode, or the addresses that it lets in. */
export type Filter = 'none' | 'table' | 'all groups' | 'no broadcast' | 'no unicast' | 'vlan'

export interface Vif {
  readonly settings: Partial<PortSettings>
  readonly filter: Filter
  readonly mergeable: boolean
  readonly version1: boolean
  readonly bufferBytes: number
  readonly pairs: number
}

const settingsOf = (storm: fc.Arbitrary<Partial<PortSettings>>): fc.Arbitrary<Partial<PortSettings>> =>
  fc
    .record({
      vlans: fc.constantFrom(
        {},
        {},
        {},
        {},
        { vlan: 5 },
        { trunk: [5, 6] },
        { trunk: [5, 6], nativeVlan: 5 },
      ),
      isolated: fc.constantFrom({}, {}, {}, {}, {}, { isolated: true }),
      guard: fc.constantFrom({}, {}, {}, 'macs' as const, 'addresses' as const),
      from: fc.constantFrom(
        {},
        {},
        {},
        {},
        { fromVm: { framesPerSecond: 50 } },
        { fromVm: { averageKiB: 20, burstKiB: 2 } },
      ),
      to: fc.constantFrom(
        {},
        {},
        {},
        {},
        { toVm: { framesPerSecond: 70 } },
        { toVm: { averageKiB: 30, peakKiB: 60 } },
      ),
      mtu: fc.constantFrom({}, {}, {}, {}, { mtu: 500 }),
      sticky: fc.constantFrom({}, {}, {}, { sticky: true }),
      merge: fc.constant({ merge: false }),
      storm,
    })
    .map(({ guard, ...rest }) => {
      const macs = ['02:00:00:00:00:00', '02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']
      const addresses = ['10.0.0.0/30', 'fd00::/126']
      const guards = guard === 'macs' ? { macs } : guard === 'addresses' ? { macs, addresses } : {}
      return Object.assign({}, ...Object.values(rest), guards) as Partial<PortSettings>
    })

/** A guest and its port. */
export const vifOf = ({ floods }: Kind): fc.Arbitrary<Vif> =>
  fc.record({
    settings: settingsOf(
      fc.constantFrom({ stormFps: 0 }, ...(floods ? [{ stormFps: 0 }, { stormFps: 40 }] : [])),
    ),
    filter: floods
      ? fc.constantFrom<Filter[]>(
          'none',
          'none',
          'none',
          'table',
          'all groups',
          'no broadcast',
          'no unicast',
          'vlan',
        )
      : fc.constant('none' as const),
    mergeable: fc.boolean(),
    version1: fc.boolean(),
    bufferBytes: fc.constantFrom(140, 300, 600, 2048, 2048),
    pairs: fc.constantFrom(1, 1, 2),
  })

export interface Packet {
  readonly kind: 'raw' | 'tcp4' | 'udp4' | 'udp6' | 'arp'
  readonly to: number
  readonly from: number
  readonly tag: readonly number[]
  readonly bytes: number
  readonly layout: TxLayout
}

export type Op =
  | { readonly op: 'send'; readonly guest: number; readonly packets: readonly Packet[] }
  | { readonly op: 'receive'; readonly guest: number; readonly count: number }
  | { readonly op: 'wait'; readonly us: number }

const packetOf = ({ guests, hosts, floods }: Kind): fc.Arbitrary<Packet> =>
  fc.record({
    kind: fc.constantFrom('raw', 'raw', 'tcp4', 'udp4', 'udp4', 'udp6', 'arp'),
    to: floods
      ? fc.constantFrom(
          ...new Array(4)
            .fill([NOBODY, GROUP, ALL, ...Array.from({ length: hosts }, (_, host) => FIRST_HOST + host)])
            .flat(),
          ...Array.from({ length: guests - 1 }, (_, step) => NEXT + step),
        )
      : fc.constantFrom(...new Array(9).fill([NEXT, NEXT + 1, NEXT + 2]).flat(), 0, NOBODY, ALL),
    from: fc.constantFrom(...new Array(30).fill(OWN), 1, 6),
    tag: fc.constantFrom(
      ...new Array(30).fill(USUAL),
      [],
      [0x8100, 5],
      [0x8100, 6],
      [0x8100, 5],
      [0x8100, 0xa006],
      [0x8100, 0],
      [0x8100, 5, 0x8100, 6],
      [0x88a8, 5],
    ),
    bytes: fc.oneof(fc.integer({ min: 46, max: 120 }), fc.integer({ min: 46, max: 1300 })),
    layout: fc.constantFrom<TxLayout[]>(
      {},
      {},
      {},
      {},
      { separateHeader: true },
      { separateHeader: true },
      { separateHeader: true, indirect: true },
      { separateHeader: true, indirect: true },
      { descriptors: 2 },
      { descriptors: 3, indirect: true },
      { separateHeader: true, descriptors: 17, indirect: true },
    ),
  })

/** What happens in a bed. */
export const opOf = (kind: Kind): fc.Arbitrary<Op> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant('send' as const),
        guest: fc.nat(kind.guests - 1),
        packets: fc.array(packetOf(kind), { minLength: 1, maxLength: 20 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('receive' as const),
        guest: fc.nat(kind.guests - 1),
        count: fc.integer({ min: 1, max: 40 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('wait' as const), us: fc.integer({ min: 1, max: 200_000 }) }),
    },
  )

/** The frame that a guest sends. */
export function bytesOf(
  { kind, bytes, ...packet }: Packet,
  guest: number,
  guests: number,
  { trunk, nativeVlan }: Vif['settings'],
): Uint8Array {
  const from = packet.from === OWN ? guest : packet.from
  const to = packet.to >= NEXT ? (guest + 1 + packet.to - NEXT) % guests : packet.to
  const usual = trunk && nativeVlan === undefined ? [0x8100, 5] : []
  const tag = packet.tag === USUAL ? usual : packet.tag
  let plain: Uint8Array
  if (kind === 'raw' || kind === 'arp') {
    plain = frame(to, from, bytes + 14)
    if (kind === 'arp') plain.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, from, 10, 0, 0, from], 12)
  } else {
    const protocol = kind === 'tcp4' ? 'tcp' : 'udp'
    plain = ipFrame(to, from, { ip: kind === 'udp6' ? 6 : 4, protocol, payloadBytes: bytes }).frame
  }
  if (to === ALL) plain.fill(255, 0, 6)
  if (to === GROUP) plain.set(GROUP_ADDRESS)
  return withTags(plain, tag)
}
