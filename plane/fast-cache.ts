// The decisions of the fast path: a small cache per sending port, keyed by the twelve bytes of both addresses. An entry
// says which port plain frames with these addresses go to unchanged, as long as G_GENERATION stays.
import {
  F_DESTINATION,
  F_GENERATION,
  F_MACS_HIGH,
  FAST_ENTRIES,
  FAST_ENTRY_BYTES,
  G_GENERATION,
  GLOBALS_AT,
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_RATE,
  P_FAST,
  P_FLAGS,
  P_GUARD,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  PORT_FILTER,
  PORT_FILTER_VLAN,
  PORT_GUARDED,
  PORT_HELD,
  PORT_ISOLATED,
  PORT_LINK,
  PORT_METERED,
  PORT_VRINGS,
} from './layout'
import { notesUse } from './ring/granules'

/** The place of a decision in the cache of a sending port. */
export function slotOf(port: usize, low: u64, high: u32): usize {
  const hash = (<u32>(low >> 40) ^ (high >> 24) ^ (<u32>(low >> 32) & 0xff)) & (FAST_ENTRIES - 1)
  return port + P_FAST + <usize>hash * FAST_ENTRY_BYTES
}

/** Remembers that plain frames with these addresses go from one port with vrings to another unchanged, if that is so. */
export function remember(from: usize, to: usize, low: u64, high: u32, vlan: u32): void {
  const flags = load<u32>(to, P_FLAGS)
  const need = PORT_VRINGS | PORT_LINK
  if ((flags & (need | PORT_HELD)) !== need || flags & (PORT_FILTER | PORT_FILTER_VLAN)) return
  const fromFlags = load<u32>(from, P_FLAGS)
  if (flags & PORT_ISOLATED & fromFlags || flags & PORT_METERED) return
  // Whether a frame is too long for the receiver is told frame by frame.
  if (load<u32>(to, P_MAX_FRAME) < load<u32>(from, P_MAX_FRAME)) return
  // What depends on more than the two MAC addresses is decided anew for each frame.
  if (fromFlags & PORT_GUARDED && load<u32>(from, P_GUARD) & (GUARD_ADDRESSES | GUARD_RATE)) return
  // A DHCP server's answers must be seen.
  if (load<u32>(to, P_GUARD) & GUARD_LEARN_DHCP) return
  if (load<u32>(to, P_NATIVE_VLAN) !== vlan || load<u32>(to, P_QUEUE_PAIRS) !== 1) return
  if (load<u32>(to, P_MAX_BATCH_FRAMES) <= 1 || notesUse(to)) return
  const slot = slotOf(from, low, high)
  store<u64>(slot, low)
  store<u32>(slot, high, F_MACS_HIGH)
  store<u32>(slot, load<u32>(GLOBALS_AT, G_GENERATION), F_GENERATION)
  store<u32>(slot, <u32>to, F_DESTINATION)
}
