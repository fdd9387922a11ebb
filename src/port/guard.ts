import type { GuardLists, Prefix } from '../core/guard-lists.js'
import {
  GUARD_ADDRESSES,
  GUARD_LEARN_DHCP,
  GUARD_LEARN_ND,
  GUARD_LINK_LOCAL,
  GUARD_MACS,
  MAX_GUARD_ENTRIES,
  MAX_LEARN_ND,
} from '../core/layout.js'
import { SettingError, type SettingPlace, within } from '../errors/setting-error.js'
import { parsePrefix, parseStationMac } from './guard-address.js'

/** The entry of `addresses` that allows the link-local IPv6 address derived from the source MAC (EUI-64). */
export const LINK_LOCAL = 'link-local'
/** The entry of `addresses` and `learn.nd` that stands for all link-local IPv6 addresses: hosts that choose them freely. */
export const ANY_LINK_LOCAL = 'any-link-local'
const ANY_LINK_LOCAL_PREFIX = 'fe80::/10'

/** From what the addresses of a port's guest are learned, at most 16 of a family. The rules: plane/bridge/guard/learned.ts. */
export interface LearnSettings {
  /** From answers of DHCP servers on ports that are not held to addresses themselves. */
  readonly dhcp?: boolean
  /** From what the guest claims by duplicate address detection, within these IPv6 prefixes, at most 8. */
  readonly nd?: readonly string[]
}

/** Which source addresses a port may use. Left out = not checked. The rules: plane/bridge/guard/guard.ts. */
export interface GuardSettings {
  /** MAC addresses, at most 16. */
  readonly macs?: readonly string[]
  /** IPv4 and IPv6 addresses and prefixes, at most 16 of each family, "link-local" and "any-link-local". */
  readonly addresses?: readonly string[]
  /** Addresses that the port may use besides, because its guest was seen to get them. */
  readonly learn?: LearnSettings
}

function checkCount(count: number, what: string, where: SettingPlace, max = MAX_GUARD_ENTRIES): void {
  if (count > max) throw new SettingError(where, `has ${count} ${what}; a port can be held to at most ${max}`)
}

function checkNotEmpty(list: readonly string[] | undefined, where: SettingPlace): void {
  if (list?.length === 0)
    throw new SettingError(where, 'is empty; list what is allowed, or leave it out for no check')
}

function readPrefixes(list: readonly string[] | undefined, where: SettingPlace): Prefix[] {
  return (list ?? []).flatMap((text, index) =>
    text === LINK_LOCAL
      ? []
      : [parsePrefix(text === ANY_LINK_LOCAL ? ANY_LINK_LOCAL_PREFIX : text, within(where, index))],
  )
}

/** Reads the lists of a port. Throws a SettingError when an entry is malformed or there are too many. */
export function readGuard(settings: GuardSettings, name: string): GuardLists {
  const port = { owner: `port ${name}`, path: [] }
  const [macsAt, addressesAt, ndAt] = [
    within(port, 'macs'),
    within(port, 'addresses'),
    within(port, 'learn', 'nd'),
  ]
  checkNotEmpty(settings.macs, macsAt)
  checkNotEmpty(settings.addresses, addressesAt)
  const macs = (settings.macs ?? []).map((text, index) => parseStationMac(text, within(macsAt, index)))
  const linkLocal = settings.addresses?.includes(LINK_LOCAL) === true
  const prefixes = readPrefixes(settings.addresses, addressesAt)
  const ipv4 = prefixes.filter(({ mask }) => mask.length === 4)
  const ipv6 = prefixes.filter(({ mask }) => mask.length === 16)
  const learnNd = readPrefixes(settings.learn?.nd, ndAt)
  checkNotEmpty(settings.learn?.nd, ndAt)
  checkCount(learnNd.length, 'prefixes', ndAt, MAX_LEARN_ND)
  if (learnNd.some(({ mask }) => mask.length === 4) || settings.learn?.nd?.includes(LINK_LOCAL))
    throw new SettingError(ndAt, 'takes IPv6 prefixes and "any-link-local" alone')
  checkCount(macs.length, 'addresses', macsAt)
  checkCount(ipv4.length, 'IPv4 addresses', addressesAt)
  checkCount(ipv6.length, 'IPv6 addresses', addressesAt)
  const checks =
    (settings.macs ? GUARD_MACS : 0) |
    (settings.addresses || settings.learn ? GUARD_ADDRESSES : 0) |
    (settings.learn?.dhcp === true ? GUARD_LEARN_DHCP : 0) |
    (learnNd.length > 0 ? GUARD_LEARN_ND : 0) |
    (linkLocal ? GUARD_LINK_LOCAL : 0)
  return { checks, macs, ipv4, ipv6, learnNd }
}
