/**
 * Reference model: what the bridge decides about one frame. Ports are access ports (untagged frames of one
 * VLAN) or trunks (tagged frames of some VLANs, untagged ones of the native VLAN). Source: IEEE 802.1Q for
 * tags, IEEE 802.1D, table 7-10 for the addresses that are never forwarded.
 */
import {
  DROP_GROUP_SOURCE,
  DROP_ISOLATED,
  DROP_NO_LINK,
  DROP_RESERVED_GROUP,
  DROP_SAME_PORT,
  DROP_VLAN,
} from '../../src/memory/layout.js'
import { FdbModel } from './fdb.js'

export interface BridgePort {
  readonly trunk: boolean
  /** VLAN of untagged frames. */
  readonly native: number
  /** VLANs that a trunk carries tagged. */
  readonly carries: (vlan: number) => boolean
  readonly isolated: boolean
  readonly link: boolean
}

export interface Verdict {
  /** Frames as they leave, in the order of the ports. */
  readonly deliveries: readonly { readonly port: number; readonly frame: Uint8Array }[]
  /** Drops: which port counts them, and why (DROP_*). */
  readonly drops: readonly { readonly port: number; readonly reason: number }[]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function withTag(frame: Uint8Array, vlan: number): Uint8Array {
  const out = new Uint8Array(frame.length + 4)
  out.set(frame.subarray(0, 12))
  out.set([0x81, 0, vlan >> 8, vlan & 0xff], 12)
  out.set(frame.subarray(12), 16)
  return out
}

function withoutTag(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length - 4)
  out.set(frame.subarray(0, 12))
  out.set(frame.subarray(16), 12)
  return out
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
  if (/^0180c200000[0-9a-f]$/.test(destination)) return dropped(DROP_RESERVED_GROUP)
  const id = frame.length >= 18 && frame[12] === 0x81 && frame[13] === 0 ? tagOf(frame) : 0
  const vlan = id === 0 ? ingress.native : id
  if (id !== 0 && !(ingress.trunk && ingress.carries(id))) return dropped(DROP_VLAN)
  fdb.learn(FdbModel.key(source, vlan), from, nowS)
  const isGroup = ((frame[0] as number) & 1) === 1
  const known = isGroup ? undefined : fdb.lookup(FdbModel.key(destination, vlan), nowS)
  if (known === from) return dropped(DROP_SAME_PORT)
  const targets =
    known !== undefined
      ? [known]
      : [...ports.keys()].filter((port) => {
          const other = ports[port]
          return port !== from && other?.link && !(other.isolated && ingress.isolated)
        })
  const deliveries: { port: number; frame: Uint8Array }[] = []
  const drops: { port: number; reason: number }[] = []
  for (const port of targets) {
    const egress = ports[port] as BridgePort
    const tagged = vlan !== egress.native
    if (!egress.link) drops.push({ port, reason: DROP_NO_LINK })
    else if (egress.isolated && ingress.isolated) drops.push({ port, reason: DROP_ISOLATED })
    else if (tagged && !(egress.trunk && egress.carries(vlan))) drops.push({ port, reason: DROP_VLAN })
    else if (tagged === (id !== 0)) deliveries.push({ port, frame })
    else deliveries.push({ port, frame: tagged ? withTag(frame, vlan) : withoutTag(frame) })
  }
  return { deliveries, drops }
}

function tagOf(frame: Uint8Array): number {
  return (((frame[14] as number) << 8) | (frame[15] as number)) & 0xfff
}
