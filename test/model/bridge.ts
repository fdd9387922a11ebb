/**
 * Reference model: what the bridge decides about one frame. Ports are access ports (untagged frames of one
 * VLAN), trunks (tagged frames of some VLANs, untagged ones of the native VLAN) or transparent. Source: IEEE 802.1Q
 * for tags, IEEE 802.1D, table 7-10 for the addresses that are never forwarded.
 */
import {
  DROP_GROUP_SOURCE,
  DROP_ISOLATED,
  DROP_NO_LINK,
  DROP_RESERVED_GROUP,
  DROP_SAME_PORT,
  DROP_STICKY,
  DROP_VLAN,
} from '../../src/core/layout.js'
import { FdbModel } from './fdb.js'

export interface BridgePort {
  readonly trunk: boolean
  /** Held to no VLAN: frames without one cross with all their tags. */
  readonly transparent: boolean
  /** VLAN of untagged frames; undefined: there are none. */
  readonly native: number | undefined
  /** VLANs that a trunk carries tagged. */
  readonly carries: (vlan: number) => boolean
  readonly isolated: boolean
  /** Whether it forwards 01-80-C2-00-00-0n. */
  readonly group?: (n: number) => boolean
  readonly link: boolean
}

export interface Verdict {
  /** Frames as they leave, in the order of the ports. */
  readonly deliveries: readonly { readonly port: number; readonly frame: Uint8Array }[]
  /** Drops: which port counts them, and why (DROP_*). */
  readonly drops: readonly { readonly port: number; readonly reason: number }[]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** EtherTypes that a tag may have: customer, service, and the service tags before 802.1ad. */
export const TAG_TYPES: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]

interface Tags {
  /** VID of the first 8100 tag with one, if nothing but priority tags is before it. */
  readonly vid: number | undefined
  /** Priority and drop eligibility of the outermost tag: the upper four bits of its control field. */
  readonly priority: number
  /** What is behind the priority tags and the VLAN tag: an EtherType and data. */
  readonly rest: Uint8Array
  /** Whether the frame would look tagged without them. */
  readonly looksTagged: boolean
  /** Tags before the rest. */
  readonly count: number
}

/** The tags of a frame as receivers take them off; undefined: they cannot be judged. */
function tagsOf(frame: Uint8Array): Tags | undefined {
  let priority = 0
  for (let count = 0; ; count++) {
    const rest = frame.subarray(12 + 4 * count)
    const type = ((rest[0] as number) << 8) | (rest[1] as number)
    if (!TAG_TYPES.includes(type)) return { vid: undefined, priority, rest, looksTagged: false, count }
    if (rest.length < 6) return undefined
    const control = ((rest[2] as number) << 8) | (rest[3] as number)
    const vid = control % 4096
    if (vid === 4095) return undefined
    if (vid !== 0 && type !== 0x8100) return { vid: undefined, priority, rest, looksTagged: true, count }
    if (count === 2) return undefined
    if (count === 0) priority = control >> 12
    if (vid === 0) continue
    const inner = rest.subarray(4)
    const innerType = ((inner[0] as number) << 8) | (inner[1] as number)
    return { vid, priority, rest: inner, looksTagged: TAG_TYPES.includes(innerType), count: count + 1 }
  }
}

/** The frame with one tag, or none, before the rest. */
function rebuilt(frame: Uint8Array, { rest, priority }: Tags, vid: number | undefined): Uint8Array {
  const tag = vid === undefined ? [] : [0x81, 0, (priority << 4) | (vid >> 8), vid & 0xff]
  return Uint8Array.from([...frame.subarray(0, 12), ...tag, ...rest])
}

/** @param ports by index; undefined: no such port */
export function decide(
  ports: readonly (BridgePort | undefined)[],
  fdb: FdbModel,
  from: number,
  frame: Uint8Array,
  nowS: number,
): Verdict {
  const ingress = ports[from] as BridgePort
  const dropped = (reason: number): Verdict => ({ deliveries: [], drops: [{ port: from, reason }] })
  const destination = hex(frame.subarray(0, 6))
  const source = hex(frame.subarray(6, 12))
  if (((frame[6] as number) & 1) === 1 || source === '000000000000') return dropped(DROP_GROUP_SOURCE)
  const reserved = /^0180c200000[0-9a-f]$/.test(destination)
    ? Number.parseInt(destination.slice(-1), 16)
    : undefined
  if (reserved !== undefined && !ingress.group?.(reserved)) return dropped(DROP_RESERVED_GROUP)
  const tags = tagsOf(frame)
  if (tags === undefined) return dropped(DROP_VLAN)
  if (tags.vid === undefined && tags.looksTagged && !ingress.transparent) return dropped(DROP_VLAN)
  if (tags.vid !== undefined && !(ingress.trunk && ingress.carries(tags.vid))) return dropped(DROP_VLAN)
  const vlan = tags.vid ?? ingress.native
  if (vlan === undefined) return dropped(DROP_VLAN)
  if (!fdb.learn(FdbModel.key(source, vlan), from, nowS)) return dropped(DROP_STICKY)
  const isGroup = ((frame[0] as number) & 1) === 1
  const known = isGroup ? undefined : fdb.lookup(FdbModel.key(destination, vlan), nowS)
  if (known === from) return dropped(DROP_SAME_PORT)
  const targets =
    known !== undefined
      ? [known]
      : [...ports.keys()].filter((port) => {
          const other = ports[port]
          const carries = reserved === undefined || other?.group?.(reserved)
          return port !== from && other?.link && !(other.isolated && ingress.isolated) && carries
        })
  const deliveries: { port: number; frame: Uint8Array }[] = []
  const drops: { port: number; reason: number }[] = []
  for (const port of targets) {
    const egress = ports[port] as BridgePort
    const tagged = vlan !== egress.native
    if (!egress.link) drops.push({ port, reason: DROP_NO_LINK })
    else if (egress.isolated && ingress.isolated) drops.push({ port, reason: DROP_ISOLATED })
    else if (tagged && !(egress.trunk && egress.carries(vlan))) drops.push({ port, reason: DROP_VLAN })
    else if (!tagged && egress.transparent) deliveries.push({ port, frame })
    else if (!tagged && tags.looksTagged) drops.push({ port, reason: DROP_VLAN })
    else if (tagged && tags.vid !== undefined && tags.count === 1) deliveries.push({ port, frame })
    else deliveries.push({ port, frame: rebuilt(frame, tags, tagged ? vlan : undefined) })
  }
  return { deliveries, drops }
}
