/** What the primitives of filters ask of a frame. Source: pcap-filter(7), gencode.c of libpcap 1.10 for what they mean. */
import { isIPv4, isIPv6 } from 'node:net'
import { ipv6Bytes, maskOf } from '../port/guard-address.js'
import type { FrameView } from './frame-view.js'

/** Whether the frame at hand is as a primitive says. */
export type Test = (view: FrameView) => boolean

/** What stands in front of a value. */
export interface Qualifiers {
  readonly protocol: string | undefined
  readonly direction: 'src' | 'dst' | 'either' | 'both' | undefined
  readonly type: string | undefined
}

const ETH: Readonly<Record<string, number>> = { ip: 0x0800, arp: 0x0806, rarp: 0x8035, ip6: 0x86dd }
const IP: Readonly<Record<string, number>> = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmp6: 58, sctp: 132 }
const VLAN_TYPES = new Set([0x8100, 0x88a8, 0x9100])
const FRAGMENT_HEADER = 44
/** Where addresses lie in a packet: sender's, receiver's. */
const PLACES = { ip: [12, 16], arp: [14, 24], rarp: [14, 24], ip6: [8, 24] } as const
type Network = keyof typeof PLACES
const [TYPE_AT, TAG_BYTES, PORTS] = [12, 4, ['tcp', 'udp', 'sctp']]

export const PROTOCOLS: ReadonlySet<string> = new Set(['ether', ...Object.keys(ETH), ...Object.keys(IP)])
export const TYPES: ReadonlySet<string> = new Set(['host', 'net', 'port', 'portrange', 'proto'])

const isNetwork = (view: FrameView, name: string, tags: number): boolean =>
  view.u16(TYPE_AT + tags * TAG_BYTES) === ETH[name]

/** Where the packet begins. */
const packetAt = (tags: number): number => TYPE_AT + tags * TAG_BYTES + 2

/** Whether the frame is a packet of IPv4 or IPv6 (or one of them) of a protocol. */
function isIp(view: FrameView, number: number, tags: number, only?: string): boolean {
  const at = packetAt(tags)
  if (only !== 'ip6' && isNetwork(view, 'ip', tags)) return view.u8(at + 9) === number
  if (only === 'ip' || !isNetwork(view, 'ip6', tags)) return false
  const next = view.u8(at + 6)
  return next === number || (next === FRAGMENT_HEADER && view.u8(at + 40) === number)
}

/** The test of a protocol alone; undefined for those that say nothing alone. */
export function protocolTest(name: string, tags: number): Test | undefined {
  if (name in ETH) return (view) => isNetwork(view, name, tags)
  const number = IP[name]
  if (number === undefined) return undefined
  const only = name === 'icmp' || name === 'igmp' ? 'ip' : name === 'icmp6' ? 'ip6' : undefined
  return (view) => isIp(view, number, tags, only)
}

/** "vlan", "vlan 7": a tag at the place where the type is. @param tags that lie in front of it */
export function vlanTest(tags: number, id: number | undefined): Test {
  const at = TYPE_AT + tags * TAG_BYTES
  return (view) => VLAN_TYPES.has(view.u16(at)) && (id === undefined || (view.u16(at + 2) & 0xfff) === id)
}

/** Joins what is asked of the sender's and the receiver's side. */
function sides(direction: Qualifiers['direction'], src: Test, dst: Test): Test {
  if (direction === 'src') return src
  if (direction === 'dst') return dst
  if (direction === 'both') return (view) => src(view) && dst(view)
  return (view) => src(view) || dst(view)
}

function ether(direction: Qualifiers['direction'], text: string): Test | string {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text))
    return 'is no MAC address; write it like 02:00:00:00:00:01'
  const address = Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
  const mask = new Uint8Array(6).fill(0xff)
  return sides(
    direction,
    (view) => view.has(6, address, mask),
    (view) => view.has(0, address, mask),
  )
}

/** An address or a prefix: "10.0.0.1", "10.0.0.0/8", "10" (of 8 bits), "fd00::/8". Text: what is wrong. */
function readPrefix(text: string, isNet: boolean): { address: Uint8Array; mask: Uint8Array } | string {
  const [host = '', length, ...more] = text.split('/')
  const dots = /^\d+(\.\d+){0,3}$/.test(host) ? host.split('.').length : 0
  const whole = dots > 0 && dots < 4 && isNet ? `${host}${'.0'.repeat(4 - dots)}` : host
  const isV4 = isIPv4(whole)
  if (more.length > 0 || (!isV4 && (!isIPv6(whole) || whole.includes('%'))))
    return `is no ${isNet ? 'network; write it like 10.0.0.0/24 or fd00::/64' : 'address; write it like 10.0.0.1 or fd00::1'}`
  const address = isV4 ? Uint8Array.from(whole.split('.'), Number) : ipv6Bytes(whole)
  const bits = address.length * 8
  if (length !== undefined && !isNet) return 'is a network; write "net" in front of it'
  if (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= bits))
    return `has a prefix length that is not 0 to ${bits}`
  const mask = maskOf(address.length, length === undefined ? (isV4 ? dots * 8 : bits) : Number(length))
  if (address.some((byte, at) => (byte & ~(mask[at] as number)) !== 0))
    return 'has bits set beyond its prefix length'
  return { address, mask }
}

function addresses(qualifiers: Qualifiers, text: string, tags: number, isNet: boolean): Test | string {
  const { protocol, direction } = qualifiers
  const prefix = readPrefix(text, isNet)
  if (typeof prefix === 'string') return prefix
  const { address, mask } = prefix
  const family: readonly Network[] = address.length === 4 ? ['ip', 'arp', 'rarp'] : ['ip6']
  if (protocol !== undefined && !(family as readonly string[]).includes(protocol))
    return `is an address that "${protocol}" has none of; "${family.join('", "')}" have`
  const networks = family.filter((name) => protocol === undefined || name === protocol)
  const at = packetAt(tags)
  const side =
    (index: 0 | 1): Test =>
    (view) => {
      const network = networks.find((name) => isNetwork(view, name, tags))
      return network !== undefined && view.has(at + PLACES[network][index], address, mask)
    }
  return sides(direction, side(0), side(1))
}

function ports({ protocol, direction }: Qualifiers, low: number, high: number, tags: number): Test | string {
  if (protocol !== undefined && !PORTS.includes(protocol)) return `is a port, and "${protocol}" has none`
  const numbers = PORTS.filter((name) => protocol === undefined || name === protocol).map((name) => IP[name])
  const at = packetAt(tags)
  const side =
    (index: 0 | 1): Test =>
    (view) => {
      let transport = at + 40
      let next = 0
      if (isNetwork(view, 'ip', tags)) {
        if ((view.u16(at + 6) & 0x1fff) !== 0) return false
        next = view.u8(at + 9)
        transport = at + (view.u8(at) & 15) * 4
      } else if (isNetwork(view, 'ip6', tags)) next = view.u8(at + 6)
      else return false
      if (!numbers.includes(next)) return false
      const port = view.u16(transport + index * 2)
      return port >= low && port <= high
    }
  return sides(direction, side(0), side(1))
}

function readPorts(qualifiers: Qualifiers, text: string, tags: number): Test | string {
  const isRange = qualifiers.type === 'portrange'
  const match = (isRange ? /^(\d{1,5})-(\d{1,5})$/ : /^(\d{1,5})$/).exec(text)
  const [low, high] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])]
  if (!match || high > 65535 || low > high)
    return isRange ? 'is no range of ports; write it like 8000-8080' : 'is no port; give a number up to 65535'
  return ports(qualifiers, low, high, tags)
}

function protocols({ protocol, direction }: Qualifiers, text: string, tags: number): Test | string {
  if (direction !== undefined) return 'is a protocol, which has no src or dst'
  const most = protocol === 'ether' ? 0xffff : 0xff
  const names = protocol === 'ether' ? ETH : IP
  const number =
    names[text.replace(/^\\/, '')] ?? (/^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN)
  if (!(number <= most))
    return `is no protocol; give a number up to ${most}, or ${Object.keys(names).join(', ')}`
  if (protocol === 'ether') {
    if (number <= 1500) return 'is a length, not an EtherType; give a number above 1500'
    return (view) => view.u16(TYPE_AT + tags * TAG_BYTES) === number
  }
  if (protocol !== undefined && protocol !== 'ip' && protocol !== 'ip6')
    return `is a protocol, and "${protocol}" carries none; "ip", "ip6" and "ether" do`
  return (view) => isIp(view, number, tags, protocol)
}

/**
 * The test of a value with its qualifiers; a text says what is wrong with the value.
 * @param tags VLAN tags that the packet lies behind
 */
export function valueTest(qualifiers: Qualifiers, text: string, tags: number): Test | string {
  const { protocol, direction, type = 'host' } = qualifiers
  if (type === 'proto') return protocols(qualifiers, text, tags)
  if (type === 'port' || type === 'portrange') return readPorts(qualifiers, text, tags)
  if (protocol === 'ether') return type === 'net' ? 'is no network of "ether"' : ether(direction, text)
  return addresses(qualifiers, text, tags, type === 'net')
}
