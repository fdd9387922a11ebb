import {
  G_LEARNS,
  GLOBALS_AT,
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  GUARD_LINK_LOCAL,
  GUARD_MACS,
  LEARN_ND_BYTES,
  MAX_GUARD_ENTRIES,
  MAX_LEARN_ND,
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
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'
import { type Prefix, parsePrefix, parseStationMac } from './guard-address.js'

/** The entry of `addresses` that allows the link-local IPv6 address derived from the source MAC (EUI-64). */
export const LINK_LOCAL = 'link-local'
/** The entry of `addresses` and `learn.nd` that stands for all link-local IPv6 addresses: hosts that choose them freely. */
export const ANY_LINK_LOCAL = 'any-link-local'
const ANY_LINK_LOCAL_PREFIX = 'fe80::/10'

/** From what the addresses of a port's guest are learned, at most 16 of a family. The rules: plane/bridge/guard-learn.ts. */
export interface LearnSettings {
  /** From answers of DHCP servers on ports that are not held to addresses themselves. */
  readonly dhcp?: boolean
  /** From what the guest claims by duplicate address detection, within these IPv6 prefixes, at most 8. */
  readonly nd?: readonly string[]
}

/** Which source addresses a port may use. Left out = not checked. The rules: plane/bridge/guard.ts. */
export interface GuardSettings {
  /** MAC addresses, at most 16. */
  readonly macs?: readonly string[]
  /** IPv4 and IPv6 addresses and prefixes, at most 16 of each family, "link-local" and "any-link-local". */
  readonly addresses?: readonly string[]
  /** Addresses that the port may use besides, because its guest was seen to get them. */
  readonly learn?: LearnSettings
}

/** The lists as the plane compares them. */
export interface GuardLists {
  /** GUARD_* bits that the lists switch on. */
  readonly checks: number
  readonly macs: readonly Uint8Array[]
  readonly ipv4: readonly Prefix[]
  readonly ipv6: readonly Prefix[]
  /** Prefixes in which addresses are learned by ND. */
  readonly learnNd: readonly Prefix[]
}

function checkCount(count: number, what: string, where: string, max = MAX_GUARD_ENTRIES): void {
  if (count > max)
    throw new RingferryError('CONFIG', `${where} has ${count} ${what}; a port can be held to at most ${max}`)
}

function checkNotEmpty(list: readonly string[] | undefined, where: string): void {
  if (list?.length === 0)
    throw new RingferryError(
      'CONFIG',
      `${where} is empty; list what is allowed, or leave it out for no check`,
    )
}

function readPrefixes(list: readonly string[] | undefined, where: string): Prefix[] {
  return (list ?? []).flatMap((text, index) =>
    text === LINK_LOCAL
      ? []
      : [parsePrefix(text === ANY_LINK_LOCAL ? ANY_LINK_LOCAL_PREFIX : text, `${where}[${index}]`)],
  )
}

/** Reads the lists of a port. Throws CONFIG when an entry is malformed or there are too many. */
export function readGuard(settings: GuardSettings, name: string): GuardLists {
  const where = `port ${name}`
  checkNotEmpty(settings.macs, `${where}: macs`)
  checkNotEmpty(settings.addresses, `${where}: addresses`)
  const macs = (settings.macs ?? []).map((text, index) => parseStationMac(text, `${where}: macs[${index}]`))
  const linkLocal = settings.addresses?.includes(LINK_LOCAL) === true
  const prefixes = readPrefixes(settings.addresses, `${where}: addresses`)
  const ipv4 = prefixes.filter(({ mask }) => mask.length === 4)
  const ipv6 = prefixes.filter(({ mask }) => mask.length === 16)
  const learnNd = readPrefixes(settings.learn?.nd, `${where}: learn.nd`)
  checkNotEmpty(settings.learn?.nd, `${where}: learn.nd`)
  checkCount(learnNd.length, 'prefixes', `${where}: learn.nd`, MAX_LEARN_ND)
  if (learnNd.some(({ mask }) => mask.length === 4) || settings.learn?.nd?.includes(LINK_LOCAL))
    throw new RingferryError('CONFIG', `${where}: learn.nd takes IPv6 prefixes and "any-link-local" alone`)
  checkCount(macs.length, 'addresses', `${where}: macs`)
  checkCount(ipv4.length, 'IPv4 addresses', `${where}: addresses`)
  checkCount(ipv6.length, 'IPv6 addresses', `${where}: addresses`)
  const checks =
    (settings.macs ? GUARD_MACS : 0) |
    (settings.addresses || settings.learn ? GUARD_ADDRESSES : 0) |
    (settings.learn?.dhcp === true ? GUARD_LEARN_DHCP : 0) |
    (learnNd.length > 0 ? GUARD_LEARN_ND : 0) |
    (linkLocal ? GUARD_LINK_LOCAL : 0)
  return { checks, macs, ipv4, ipv6, learnNd }
}

/** Writes the lists into the port row at a linear offset. */
export function writeGuard(memory: LinearMemory, row: number, lists: GuardLists): void {
  const write = (entries: readonly Uint8Array[], table: number, bytes: number, count: number): void => {
    memory.u8.fill(0, row + table, row + table + MAX_GUARD_ENTRIES * bytes)
    for (const [index, entry] of entries.entries()) memory.u8.set(entry, row + table + index * bytes)
    memory.u32[(row + count) >>> 2] = entries.length
  }
  write(lists.macs, P_GUARD_MACS, 8, P_GUARD_MAC_COUNT)
  const addresses = (prefixes: readonly Prefix[]): Uint8Array[] => prefixes.map(({ address }) => address)
  const masks = (prefixes: readonly Prefix[]): Uint8Array[] => prefixes.map(({ mask }) => mask)
  write(addresses(lists.ipv4), P_GUARD_IPV4, 4, P_GUARD_IPV4_COUNT)
  write(masks(lists.ipv4), P_GUARD_IPV4_MASKS, 4, P_GUARD_IPV4_COUNT)
  write(addresses(lists.ipv6), P_GUARD_IPV6, 16, P_GUARD_IPV6_COUNT)
  write(masks(lists.ipv6), P_GUARD_IPV6_MASKS, 16, P_GUARD_IPV6_COUNT)
  for (const [index, { address, mask }] of lists.learnNd.entries()) {
    memory.u8.set(address, row + P_LEARN_ND + index * LEARN_ND_BYTES)
    memory.u8.set(mask, row + P_LEARN_ND + index * LEARN_ND_BYTES + 16)
  }
  memory.u32[(row + P_LEARN_ND_COUNT) >>> 2] = lists.learnNd.length
  if ((lists.checks & (GUARD_LEARN_DHCP | GUARD_LEARN_ND)) !== 0)
    memory.u32[(GLOBALS_AT + G_LEARNS) >>> 2] = 1
}
