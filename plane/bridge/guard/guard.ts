// What a port may send: its own addresses, at its own rate. Off unless configured; then one flag of the port
// leads here for each frame, before anything is learned or copied.
//
//   source MAC listed -> addresses behind it listed -> rate        (and, where a frame is flooded: storm)
//
// With a list of IP addresses (an entry may be a prefix, and what learned.ts knows counts as listed) a port may send:
//   IPv4  from a listed address; from 0.0.0.0 a DHCP client's broadcast and IGMP reports
//   ARP   with the sender's MAC equal to the frame's and a listed sender address, or a probe (RFC 5227, sender
//         0.0.0.0) for a listed one; RARP announcements of its own MAC, which QEMU sends after a migration
//   IPv6  from a listed address; from :: what an interface sends before it has one: neighbour solicitations for a
//         listed address, router solicitations, multicast listener reports
//   ND    advertisements for listed addresses, with link-layer options that name the frame's own source MAC
// and nothing else: a family without a listed address, other EtherTypes and what cannot be judged (headers cut
// short, three VLAN tags, extension headers beyond MAX_HEAD_BYTES) are spoofed. Link-local addresses are no
// exception; they are listed, or the one derived from the MAC (EUI-64) is allowed by GUARD_LINK_LOCAL.
// Services are not judged: who may use an address may answer DHCP or send router advertisements from it.
// Sources: libvirt's filter clean-traffic; OVN port security (ovn-nb(5)); RFC 4861, 4.3 to 4.6; RFC 7113, 3.

import { dropEntering } from '../../capture/frames'
import { frame } from '../../frame/record'
import {
  BUCKET_FROM,
  DROP_SPOOFED,
  DROP_STORM,
  GUARD_ADDRESSES,
  GUARD_MACS,
  GUARD_RATE,
  GUARD_STORM,
  P_GUARD,
} from '../../layout'
import { ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_RARP } from '../../packet/packet'
import { admitFlood, charge } from '../policer'
import { allowsMac } from './allowed'
import { guardArp, guardIpv4 } from './ipv4'
import { guardIpv6 } from './ipv6'

function guardAddresses(port: usize): boolean {
  const type = frame.etherType
  if (type === ETH_IPV4) return guardIpv4(port)
  if (type === ETH_IPV6) return guardIpv6(port)
  if (type === ETH_ARP || type === ETH_RARP) return guardArp(port, type === ETH_RARP)
  return false
}

/** Whether the frame at hand may come in on its port (PORT_GUARDED); counts the drop when not. */
export function admitIngress(port: usize): boolean {
  const checks = load<u32>(port, P_GUARD)
  if ((checks & GUARD_MACS && !allowsMac(port)) || (checks & GUARD_ADDRESSES && !guardAddresses(port))) {
    dropEntering(port, DROP_SPOOFED)
    return false
  }
  if (checks & GUARD_RATE) charge(port, BUCKET_FROM, frame.bytes, frame.wireFrames)
  return true
}

/** Whether the frame at hand may be flooded from its port (PORT_GUARDED); counts the drop when not. */
export function admitStorm(port: usize): boolean {
  if ((load<u32>(port, P_GUARD) & GUARD_STORM) === 0 || admitFlood(port, frame.wireFrames)) return true
  dropEntering(port, DROP_STORM)
  return false
}
