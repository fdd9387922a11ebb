// Addresses that a guarded port may use because they were seen to be given to its guest, at most MAX_LEARNED of a family:
//
//   DHCP  an acknowledgement to the guest, from a port that is not itself held to addresses, for the time of the lease
//   ND    an address that the guest claims by duplicate address detection (DAD), within the prefixes that were set: first
//         come, first served. Not if another port may use it, and not if another host defends it within TENTATIVE_US.
//
// A full table learns by ND in the place of an address that was silent for as long as a MAC address lives.
// Sources: RFC 7513 (DHCP), RFC 6620 (FCFS SAVI), RFC 4862, 5.4.

import { readFrame } from '../frame/body'
import { frame } from '../frame/record'
import {
  ACTIVE_AT,
  DHCP_AT,
  G_ACTIVE,
  G_FDB_AGE_S,
  G_NOW_S,
  G_NOW_US,
  GLOBALS_AT,
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  HEAD_AT,
  LEARN_ND_BYTES,
  LEARNED_FROM,
  LEARNED_IPV4_BYTES,
  LEARNED_IPV6_BYTES,
  LEARNED_SEEN,
  MAX_LEARNED,
  P_GUARD,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_IPV6_MASKS,
  P_LEARN_ND,
  P_LEARN_ND_COUNT,
  P_LEARNED_IPV4,
  P_LEARNED_IPV6,
  PORT_BYTES,
  PORTS_AT,
} from '../layout'
import {
  DHCP_ACK,
  DHCP_CLIENT_MAC,
  DHCP_COOKIE,
  DHCP_COOKIE_AT,
  DHCP_FIXED_BYTES,
  DHCP_OPTION_END,
  DHCP_OPTION_LEASE,
  DHCP_OPTION_PAD,
  DHCP_OPTION_TYPE,
  DHCP_REPLY,
  DHCP_TO_CLIENT,
  DHCP_YOUR_IPV4,
  ETH_IPV4,
  ETH_IPV6,
  ICMPV6,
  IPV4_BYTES,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_NEXT,
  ipv4HeaderBytes,
  loadBe32,
  loadMac,
  ND_BYTES,
  ND_TARGET,
  NEIGHBOUR_ADVERTISEMENT,
  UDP,
  UDP_BYTES,
} from '../packet/packet'
import { fdbKey, fdbLookup } from './fdb'

/** Most of a DHCP message that is read. */
const MAX_DHCP_BYTES: u32 = 1024
/** Leases count as no longer than this: half of the u32 circle of seconds. */
const MAX_LEASE_S: u32 = 0x7fffffff
/** How long a claimed address is not used yet: others may defend it. Source: RFC 6620, 3.2.2 (TENT_LT). */
const TENTATIVE_US: f64 = 500000

function nowS(): u32 {
  return load<u32>(GLOBALS_AT, G_NOW_S)
}
function nowUs(): f64 {
  return load<f64>(GLOBALS_AT, G_NOW_US)
}

/** Whether a DHCP server gave the address to the port's guest, and the lease runs. */
export function hasLearnedIpv4(port: usize, address: u32): boolean {
  for (let i: usize = 0; i < <usize>MAX_LEARNED; i++) {
    const entry = port + P_LEARNED_IPV4 + i * LEARNED_IPV4_BYTES
    if (load<u32>(entry) === address) return <i32>(load<u32>(entry, 4) - nowS()) > 0
  }
  return false
}

function learnIpv4(port: usize, address: u32, leaseS: u32): void {
  let room: usize = 0
  for (let i: usize = 0; i < <usize>MAX_LEARNED; i++) {
    const entry = port + P_LEARNED_IPV4 + i * LEARNED_IPV4_BYTES
    const known = load<u32>(entry)
    if (known === address) {
      room = entry
      break
    }
    if (room === 0 && (known === 0 || <i32>(load<u32>(entry, 4) - nowS()) <= 0)) room = entry
  }
  if (room === 0) return
  store<u32>(room, address)
  store<u32>(room, nowS() + min<u32>(leaseS, MAX_LEASE_S), 4)
}

function findIpv6(port: usize, low: u64, high: u64): usize {
  if ((low | high) === 0) return 0
  for (let i: usize = 0; i < <usize>MAX_LEARNED; i++) {
    const entry = port + P_LEARNED_IPV6 + i * LEARNED_IPV6_BYTES
    if (load<u64>(entry) === low && load<u64>(entry, 8) === high) return entry
  }
  return 0
}

/** Whether the port's guest claimed the address at `at`, and nobody defended it. */
export function hasLearnedIpv6(port: usize, at: usize): boolean {
  const entry = findIpv6(port, load<u64>(at), load<u64>(at, 8))
  if (entry === 0 || nowUs() < load<f64>(entry, LEARNED_FROM)) return false
  store<u32>(entry, nowS(), LEARNED_SEEN)
  return true
}

/** Whether an address lies in one of the prefixes in which a port's guest may claim addresses. */
function mayClaim(port: usize, low: u64, high: u64): boolean {
  const count = load<u32>(port, P_LEARN_ND_COUNT)
  for (let i: usize = 0; i < <usize>count; i++) {
    const entry = port + P_LEARN_ND + i * LEARN_ND_BYTES
    const mask = entry + 16
    if ((low & load<u64>(mask)) === load<u64>(entry) && (high & load<u64>(mask, 8)) === load<u64>(entry, 8))
      return true
  }
  return false
}

/** Whether a port other than this may use an address. */
function isTaken(port: usize, low: u64, high: u64): boolean {
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: usize = 0; i < <usize>ports; i++) {
    const other = <usize>PORTS_AT + <usize>load<u32>(<usize>ACTIVE_AT + i * 4) * PORT_BYTES
    const checks = load<u32>(other, P_GUARD)
    if (other === port || (checks & GUARD_ADDRESSES) === 0) continue
    if (checks & GUARD_LEARN_ND && findIpv6(other, low, high) !== 0) return true
    const count = load<u32>(other, P_GUARD_IPV6_COUNT)
    for (let n: usize = 0; n < <usize>count; n++) {
      // A prefix claims none of its addresses for the port alone.
      if (
        (load<u64>(other + P_GUARD_IPV6_MASKS + n * 16, 8) &
          load<u64>(other + P_GUARD_IPV6_MASKS + n * 16)) !==
        ~(<u64>0)
      )
        continue
      const entry = other + P_GUARD_IPV6 + n * 16
      if (load<u64>(entry) === low && load<u64>(entry, 8) === high) return true
    }
  }
  return false
}

/** Takes down that the port's guest claims the address at `at` (DAD). Returns whether it may. */
export function learnIpv6(port: usize, at: usize): boolean {
  if ((load<u32>(port, P_GUARD) & GUARD_LEARN_ND) === 0) return false
  const low = load<u64>(at)
  const high = load<u64>(at, 8)
  if (findIpv6(port, low, high) !== 0) return true
  if (!mayClaim(port, low, high)) return false
  let room: usize = 0
  for (let i: usize = 0; i < <usize>MAX_LEARNED && room === 0; i++) {
    const entry = port + P_LEARNED_IPV6 + i * LEARNED_IPV6_BYTES
    const isSilent = nowS() - load<u32>(entry, LEARNED_SEEN) > load<u32>(GLOBALS_AT, G_FDB_AGE_S)
    if ((load<u64>(entry) | load<u64>(entry, 8)) === 0 || isSilent) room = entry
  }
  if (room === 0 || isTaken(port, low, high)) return false
  store<u64>(room, low)
  store<u64>(room, high, 8)
  store<f64>(room, nowUs() + TENTATIVE_US, LEARNED_FROM)
  store<u32>(room, nowS(), LEARNED_SEEN)
  return true
}

/** A host defends an address: a claim of another port that is not older than TENTATIVE_US is void. */
function defend(from: usize, at: usize): void {
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: usize = 0; i < <usize>ports; i++) {
    const port = <usize>PORTS_AT + <usize>load<u32>(<usize>ACTIVE_AT + i * 4) * PORT_BYTES
    if (port === from || (load<u32>(port, P_GUARD) & GUARD_LEARN_ND) === 0) continue
    const entry = findIpv6(port, load<u64>(at), load<u64>(at, 8))
    if (entry !== 0 && nowUs() < load<f64>(entry, LEARNED_FROM)) memory.fill(entry, 0, LEARNED_IPV6_BYTES)
  }
}

/** Learns from a DHCP acknowledgement at a position of the frame at hand. */
function readDhcp(position: u32): void {
  if (position + DHCP_FIXED_BYTES > frame.bytes) return
  const bytes = min<u32>(frame.bytes - position, MAX_DHCP_BYTES)
  readFrame(DHCP_AT, position, bytes)
  if (<u32>load<u8>(DHCP_AT) !== DHCP_REPLY || load<u32>(DHCP_AT, DHCP_COOKIE_AT) !== DHCP_COOKIE) return
  let type: u32 = 0
  let leaseS: u32 = 0
  for (let at = DHCP_FIXED_BYTES; at < bytes; ) {
    const option: u32 = load<u8>(<usize>DHCP_AT + at)
    if (option === DHCP_OPTION_END) break
    if (option === DHCP_OPTION_PAD) {
      at++
      continue
    }
    if (at + 2 > bytes) return
    const length: u32 = load<u8>(<usize>DHCP_AT + at, 1)
    if (at + 2 + length > bytes) return
    if (option === DHCP_OPTION_TYPE && length === 1) type = load<u8>(<usize>DHCP_AT + at, 2)
    if (option === DHCP_OPTION_LEASE && length === 4) leaseS = loadBe32(<usize>DHCP_AT + at + 2)
    at += 2 + length
  }
  const address = load<u32>(DHCP_AT, DHCP_YOUR_IPV4)
  if (type !== DHCP_ACK || address === 0) return
  const index = fdbLookup(fdbKey(loadMac(<usize>DHCP_AT + DHCP_CLIENT_MAC), frame.vlan))
  if (index < 0) return
  const port = <usize>PORTS_AT + <usize>index * PORT_BYTES
  if (load<u32>(port, P_GUARD) & GUARD_LEARN_DHCP) learnIpv4(port, address, leaseS)
}

/** Looks whether the frame at hand, admitted from a port, says who has which address. */
export function observe(from: usize): void {
  const bytes = frame.headBytes
  const network = frame.network
  const ip: usize = <usize>HEAD_AT + network
  const type = frame.etherType
  if (type === ETH_IPV4 && network + IPV4_BYTES + UDP_BYTES <= bytes) {
    const header = ipv4HeaderBytes(ip)
    if (<u32>load<u8>(ip, IPV4_PROTOCOL) !== UDP || load<u32>(from, P_GUARD) & GUARD_ADDRESSES) return
    const body = network + header + UDP_BYTES
    if (header >= IPV4_BYTES && body <= bytes && load<u32>(ip + header) === DHCP_TO_CLIENT) readDhcp(body)
  } else if (type === ETH_IPV6 && network + IPV6_BYTES + ND_BYTES <= bytes) {
    const icmp = ip + IPV6_BYTES
    if (<u32>load<u8>(ip, IPV6_NEXT) !== ICMPV6) return
    if (<u32>load<u8>(icmp) === NEIGHBOUR_ADVERTISEMENT) defend(from, icmp + ND_TARGET)
  }
}

/** Forgets the addresses of a guest that has gone. */
export function forgetLearned(port: usize): void {
  memory.fill(port + P_LEARNED_IPV4, 0, MAX_LEARNED * LEARNED_IPV4_BYTES)
  memory.fill(port + P_LEARNED_IPV6, 0, MAX_LEARNED * LEARNED_IPV6_BYTES)
}
