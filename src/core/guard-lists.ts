/** Which source addresses a port may use, as the plane compares them (plane/bridge/guard/guard.ts), and how they reach its row. */
import { Globals } from './globals.js'
import {
  G_LEARNS,
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  LEARN_ND_BYTES,
  LEARNED_IPV4_BYTES,
  LEARNED_IPV6_BYTES,
  MAX_GUARD_ENTRIES,
  MAX_LEARNED,
  P_GUARD_IPV4,
  P_GUARD_IPV4_COUNT,
  P_GUARD_IPV4_MASKS,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_IPV6_MASKS,
  P_GUARD_MAC_COUNT,
  P_GUARD_MACS,
  P_LEARN_ND,
  P_LEARN_ND_COUNT,
  P_LEARNED_IPV4,
  P_LEARNED_IPV6,
} from './layout.js'
import type { Row } from './row.js'

/** A prefix: 4 or 16 bytes of address, and as many of mask. */
export interface Prefix {
  readonly address: Uint8Array
  readonly mask: Uint8Array
}

export interface GuardLists {
  /** GUARD_* bits that the lists switch on. */
  readonly checks: number
  /** At most MAX_GUARD_ENTRIES of 6 bytes; as many of each family of addresses. */
  readonly macs: readonly Uint8Array[]
  readonly ipv4: readonly Prefix[]
  readonly ipv6: readonly Prefix[]
  /** Prefixes in which addresses are learned by ND, at most MAX_LEARN_ND. */
  readonly learnNd: readonly Prefix[]
}

const IPV6_BYTES = 16

function contains({ address, mask }: Prefix, host: Uint8Array): boolean {
  return address.every((byte, at) => byte === ((host[at] as number) & (mask[at] as number)))
}

/** Forgets learned addresses that would not be learned any more. */
function forgetLearned(row: Row, { checks, learnNd }: GuardLists): void {
  if ((checks & GUARD_LEARN_DHCP) === 0) row.bytes(P_LEARNED_IPV4, MAX_LEARNED * LEARNED_IPV4_BYTES).fill(0)
  for (let index = 0; index < MAX_LEARNED; index++) {
    const entry = row.bytes(P_LEARNED_IPV6 + index * LEARNED_IPV6_BYTES, LEARNED_IPV6_BYTES)
    const host = entry.subarray(0, IPV6_BYTES)
    if (!learnNd.some((prefix) => contains(prefix, host))) entry.fill(0)
  }
}

/** Writes the lists into a port's row. */
export function writeGuard(row: Row, lists: GuardLists): void {
  const write = (entries: readonly Uint8Array[], table: number, bytes: number, count: number): void => {
    const field = row.bytes(table, MAX_GUARD_ENTRIES * bytes).fill(0)
    for (const [index, entry] of entries.entries()) field.set(entry, index * bytes)
    row.set(count, entries.length)
  }
  const addresses = (prefixes: readonly Prefix[]): Uint8Array[] => prefixes.map(({ address }) => address)
  const masks = (prefixes: readonly Prefix[]): Uint8Array[] => prefixes.map(({ mask }) => mask)
  write(lists.macs, P_GUARD_MACS, 8, P_GUARD_MAC_COUNT)
  write(addresses(lists.ipv4), P_GUARD_IPV4, 4, P_GUARD_IPV4_COUNT)
  write(masks(lists.ipv4), P_GUARD_IPV4_MASKS, 4, P_GUARD_IPV4_COUNT)
  write(addresses(lists.ipv6), P_GUARD_IPV6, IPV6_BYTES, P_GUARD_IPV6_COUNT)
  write(masks(lists.ipv6), P_GUARD_IPV6_MASKS, IPV6_BYTES, P_GUARD_IPV6_COUNT)
  for (const [index, { address, mask }] of lists.learnNd.entries()) {
    row.bytes(P_LEARN_ND + index * LEARN_ND_BYTES, IPV6_BYTES).set(address)
    row.bytes(P_LEARN_ND + index * LEARN_ND_BYTES + IPV6_BYTES, IPV6_BYTES).set(mask)
  }
  row.set(P_LEARN_ND_COUNT, lists.learnNd.length)
  forgetLearned(row, lists)
  if ((lists.checks & (GUARD_LEARN_DHCP | GUARD_LEARN_ND)) !== 0) new Globals(row.memory).set(G_LEARNS, 1)
}
