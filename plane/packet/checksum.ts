// The Internet checksum (RFC 1071) over linear memory, as a 16-bit one's complement sum in memory order:
// the result can be stored and compared without swapping bytes.
import { IS_UDP, IS_V4 } from '../layout'
import { IPV4_SOURCE, IPV6_SOURCE, TCP, UDP } from './packet'

/** Folds a sum to 16 bits. */
export function fold(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >> 32)
  sum = (sum & 0xffff) + (sum >> 16)
  sum = (sum & 0xffff) + (sum >> 16)
  sum = (sum & 0xffff) + (sum >> 16)
  return <u32>sum
}

/** What a checksum field holds for a folded sum. UDP has no zero. */
export function finish(sum: u32, isUdp: boolean): u16 {
  const value = ~sum & 0xffff
  return <u16>(value === 0 && isUdp ? 0xffff : value)
}

/** Folded sum of n bytes at an address, as if they started at an even offset of the packet. n is at most 128 KB. */
export function sumBytes(at: usize, n: usize): u32 {
  let lanes = i32x4.splat(0)
  const end = at + n
  if (n >= 64) {
    // Two sums that do not wait for each other.
    let other = i32x4.splat(0)
    while (at + 64 <= end) {
      const a = i32x4.extadd_pairwise_i16x8_u(v128.load(at))
      const b = i32x4.extadd_pairwise_i16x8_u(v128.load(at, 16))
      const c = i32x4.extadd_pairwise_i16x8_u(v128.load(at, 32))
      const d = i32x4.extadd_pairwise_i16x8_u(v128.load(at, 48))
      lanes = i32x4.add(lanes, i32x4.add(a, b))
      other = i32x4.add(other, i32x4.add(c, d))
      at += 64
    }
    lanes = i32x4.add(lanes, other)
  }
  while (at + 16 <= end) {
    lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_u(v128.load(at)))
    at += 16
  }
  let sum: u64 =
    <u64>(<u32>i32x4.extract_lane(lanes, 0)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 1)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 2)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 3))
  while (at + 2 <= end) {
    sum += load<u16>(at)
    at += 2
  }
  if (at < end) sum += load<u8>(at)
  return fold(sum)
}

/** Adds a folded sum that began at an even or odd offset to another. */
export function addSum(sum: u32, more: u32, odd: bool): u32 {
  if (odd) more = ((more & 0xff) << 8) | (more >> 8)
  return fold(<u64>sum + <u64>more)
}

/**
 * Folded sum of the pseudo header for a transport packet of `bytes` behind the IP header at an address.
 * @param kind IS_V4, IS_UDP. Source: RFC 9293, 3.1; RFC 8200, 8.1.
 */
export function pseudoSum(ip: usize, kind: u32, bytes: u32): u32 {
  const addresses = kind & IS_V4 ? sumBytes(ip + IPV4_SOURCE, 8) : sumBytes(ip + IPV6_SOURCE, 32)
  const protocol = bswap<u16>(<u16>(kind & IS_UDP ? UDP : TCP))
  return fold(<u64>addresses + <u64>protocol + <u64>bswap<u16>(<u16>bytes))
}
