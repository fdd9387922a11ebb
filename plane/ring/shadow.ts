// The driver's side of a split ring of the plane's own: what stands before a netif ring, so that the rest of the plane
// sees chains of staging. Nobody but the plane writes here, so nothing is checked.
import {
  NETIF_SIZE,
  NETIF_STATE_BYTES,
  V_AVAIL,
  V_DESC,
  V_FLAGS,
  V_LAST_AVAIL,
  V_USED,
  VRING_NETIF,
} from '../layout'
import { descriptorAt } from './split'

const MASK: u32 = NETIF_SIZE - 1

/** The state (N_*) of the netif ring that stands behind a vring; 0: the vring is the frontend's own. */
export function netifOf(v: usize): usize {
  if ((load<u32>(v, V_FLAGS) & VRING_NETIF) === 0) return 0
  return <usize>load<u32>(v, V_DESC) + NETIF_STATE_BYTES
}

/** Free-running u16 index behind the last chain offered. */
export function offered(v: usize): u32 {
  return load<u16>(<usize>load<u32>(v, V_AVAIL), 2)
}

/** Chains that were offered and not taken. */
export function untaken(v: usize): u32 {
  return (offered(v) - load<u32>(v, V_LAST_AVAIL)) & 0xffff
}

/** Offers the chain of one descriptor. */
export function offer(v: usize, head: u32): void {
  const avail: usize = load<u32>(v, V_AVAIL)
  const index = load<u16>(avail, 2)
  store<u16>(avail + <usize>(index & MASK) * 2, <u16>head, 4)
  store<u16>(avail, index + 1, 2)
}

/** Makes a descriptor a whole chain of one readable buffer. */
export function setReadable(v: usize, head: u32, at: usize, bytes: u32): void {
  const descriptor = descriptorAt(load<u32>(v, V_DESC), head)
  store<u64>(descriptor, <u64>at)
  store<u64>(descriptor, <u64>bytes, 8)
}

/** Where the buffer of a descriptor begins. */
export function bufferOf(v: usize, head: u32): usize {
  return <usize>load<u64>(descriptorAt(load<u32>(v, V_DESC), head))
}

/** Where it ends. */
export function bufferEnd(v: usize, head: u32): usize {
  const descriptor = descriptorAt(load<u32>(v, V_DESC), head)
  return <usize>load<u64>(descriptor) + load<u32>(descriptor, 8)
}

/** The head of a used entry, by its free-running index. */
export function usedHead(v: usize, index: u32): u32 {
  return load<u32>(<usize>load<u32>(v, V_USED) + <usize>(index & MASK) * 8, 4)
}

/** The bytes that were written into its chain. */
export function usedBytes(v: usize, index: u32): u32 {
  return load<u32>(<usize>load<u32>(v, V_USED) + <usize>(index & MASK) * 8, 8)
}
