// Addresses that a guarded port may use because they were seen to be given to its guest, at most MAX_LEARNED of a family:
//
//   DHCP  an acknowledgement to the guest, from a port that is not itself held to addresses, for the time of the lease
//   ND    an address that the guest claims by duplicate address detection (DAD), within the prefixes that were set: first
//         come, first served. Not if another port may use it, and not if another host defends it within TENTATIVE_US.
//
// A full table learns by ND in the place of an address that was silent for as long as a MAC address lives.
// Sources: RFC 7513 (DHCP), RFC 6620 (FCFS SAVI), RFC 4862, 5.4.
import {
  G_ACTIVE,
  G_FDB_AGE_S,
  G_NOW_S,
  G_NOW_US,
  GLOBALS_AT,
  GUARD_ADDRESSES,
  GUARD_LEARN_ND,
  LEARN_ND_BYTES,
  LEARNED_FROM,
  LEARNED_IPV4_BYTES,
  LEARNED_IPV6_BYTES,
  LEARNED_SEEN,
  LEARNED_UNTIL,
  MAX_LEARNED,
  P_GUARD,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_IPV6_MASKS,
  P_LEARN_ND,
  P_LEARN_ND_COUNT,
  P_LEARNED_IPV4,
  P_LEARNED_IPV6,
} from '../../layout'
import { activeIndex, portAt } from '../../port'

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
    if (load<u32>(entry) === address) return <i32>(load<u32>(entry, LEARNED_UNTIL) - nowS()) > 0
  }
  return false
}

/** Takes down that a DHCP server gave an address (memory order) to the port's guest, for so many seconds. */
export function learnIpv4(port: usize, address: u32, leaseS: u32): void {
  let room: usize = 0
  for (let i: usize = 0; i < <usize>MAX_LEARNED; i++) {
    const entry = port + P_LEARNED_IPV4 + i * LEARNED_IPV4_BYTES
    const known = load<u32>(entry)
    if (known === address) {
      room = entry
      break
    }
    if (room === 0 && (known === 0 || <i32>(load<u32>(entry, LEARNED_UNTIL) - nowS()) <= 0)) room = entry
  }
  if (room === 0) return
  store<u32>(room, address)
  store<u32>(room, nowS() + min<u32>(leaseS, MAX_LEASE_S), LEARNED_UNTIL)
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
  for (let i: u32 = 0; i < ports; i++) {
    const other = portAt(activeIndex(i))
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
export function defendIpv6(from: usize, at: usize): void {
  const ports = load<u32>(GLOBALS_AT, G_ACTIVE)
  for (let i: u32 = 0; i < ports; i++) {
    const port = portAt(activeIndex(i))
    if (port === from || (load<u32>(port, P_GUARD) & GUARD_LEARN_ND) === 0) continue
    const entry = findIpv6(port, load<u64>(at), load<u64>(at, 8))
    if (entry !== 0 && nowUs() < load<f64>(entry, LEARNED_FROM)) memory.fill(entry, 0, LEARNED_IPV6_BYTES)
  }
}

/** Forgets the addresses of a guest that has gone. */
export function forgetLearned(port: usize): void {
  memory.fill(port + P_LEARNED_IPV4, 0, MAX_LEARNED * LEARNED_IPV4_BYTES)
  memory.fill(port + P_LEARNED_IPV6, 0, MAX_LEARNED * LEARNED_IPV6_BYTES)
}
