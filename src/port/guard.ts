import { RingferryError } from '../errors/errors.js'
import {
  GUARD_ADDRESSES,
  GUARD_LINK_LOCAL,
  GUARD_MACS,
  MAX_GUARD_ENTRIES,
  P_GUARD_IPV4,
  P_GUARD_IPV4_COUNT,
  P_GUARD_IPV6,
  P_GUARD_IPV6_COUNT,
  P_GUARD_MAC_COUNT,
  P_GUARD_MACS,
} from '../memory/layout.js'
import type { LinearMemory } from '../memory/linear-memory.js'
import { parseHostAddress, parseStationMac } from './guard-address.js'

/** The entry of `addresses` that allows the link-local IPv6 address derived from the source MAC (EUI-64). */
export const LINK_LOCAL = 'link-local'

/** Which source addresses a port may use. Left out = not checked. The rules: plane/guard.ts. */
export interface GuardSettings {
  /** MAC addresses, at most 16. */
  readonly macs?: readonly string[]
  /** IPv4 and IPv6 addresses, at most 16 of each, and "link-local". */
  readonly addresses?: readonly string[]
}

/** The lists as the plane compares them. */
export interface GuardLists {
  /** GUARD_* bits that the lists switch on. */
  readonly checks: number
  readonly macs: readonly Uint8Array[]
  readonly ipv4: readonly Uint8Array[]
  readonly ipv6: readonly Uint8Array[]
}

function checkCount(count: number, what: string, where: string): void {
  if (count > MAX_GUARD_ENTRIES)
    throw new RingferryError(
      'CONFIG',
      `${where} has ${count} ${what}; a port can be held to at most ${MAX_GUARD_ENTRIES}`,
    )
}

function checkNotEmpty(list: readonly string[] | undefined, where: string): void {
  if (list?.length === 0)
    throw new RingferryError(
      'CONFIG',
      `${where} is empty; list what is allowed, or leave it out for no check`,
    )
}

/** Reads the lists of a port. Throws CONFIG when an entry is malformed or there are too many. */
export function readGuard(settings: GuardSettings, name: string): GuardLists {
  const where = `port ${name}`
  checkNotEmpty(settings.macs, `${where}: macs`)
  checkNotEmpty(settings.addresses, `${where}: addresses`)
  const macs = (settings.macs ?? []).map((text, index) => parseStationMac(text, `${where}: macs[${index}]`))
  const linkLocal = settings.addresses?.includes(LINK_LOCAL) === true
  const hosts = (settings.addresses ?? []).flatMap((text, index) =>
    text === LINK_LOCAL ? [] : [parseHostAddress(text, `${where}: addresses[${index}]`)],
  )
  const ipv4 = hosts.filter((bytes) => bytes.length === 4)
  const ipv6 = hosts.filter((bytes) => bytes.length === 16)
  checkCount(macs.length, 'addresses', `${where}: macs`)
  checkCount(ipv4.length, 'IPv4 addresses', `${where}: addresses`)
  checkCount(ipv6.length, 'IPv6 addresses', `${where}: addresses`)
  const checks =
    (settings.macs ? GUARD_MACS : 0) |
    (settings.addresses ? GUARD_ADDRESSES : 0) |
    (linkLocal ? GUARD_LINK_LOCAL : 0)
  return { checks, macs, ipv4, ipv6 }
}

/** Writes the lists into the port row at a linear offset. */
export function writeGuard(memory: LinearMemory, row: number, lists: GuardLists): void {
  const write = (entries: readonly Uint8Array[], table: number, bytes: number, count: number): void => {
    memory.u8.fill(0, row + table, row + table + MAX_GUARD_ENTRIES * bytes)
    for (const [index, entry] of entries.entries()) memory.u8.set(entry, row + table + index * bytes)
    memory.u32[(row + count) >>> 2] = entries.length
  }
  write(lists.macs, P_GUARD_MACS, 8, P_GUARD_MAC_COUNT)
  write(lists.ipv4, P_GUARD_IPV4, 4, P_GUARD_IPV4_COUNT)
  write(lists.ipv6, P_GUARD_IPV6, 16, P_GUARD_IPV6_COUNT)
}
