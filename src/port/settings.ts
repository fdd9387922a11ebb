import { NATURAL_LIMITS } from '../aggregation/policy.js'
import {
  MAX_FDB_ENTRIES,
  MERGE_ACKS,
  MERGE_SEGMENTS,
  NO_VLAN,
  PORT_ISOLATED,
  PORT_MIRROR,
  PORT_STICKY,
  PORT_TRANSPARENT,
  PORT_TRUNK,
} from '../core/layout.js'
import { type RowSettings, VLAN_BITMAP_BYTES } from '../core/port-row.js'
import { checkWhole, SettingError, within } from '../errors/setting-error.js'
import type { PortSettings, ReservedGroups } from './config.js'
import { readGuard } from './guard.js'
import { readRateLimits } from './rate-limits.js'

const DEFAULT_MAX_ADDRESSES = 4096
/** Which of 01-80-C2-00-00-00 to -0F are forwarded. -01 (PAUSE) never: it would stop the wrong link. */
const RESERVED_GROUPS: Readonly<Record<ReservedGroups, number>> = { drop: 0, stp: 1, all: 0xfffd }

const MAX_VLAN = 4094
/** Bytes of an IP packet. Source: RFC 791, 3.1. */
const MIN_MTU = 68
const MAX_MTU = 65_535

/** Numbers out of range, and settings that exclude each other. */
function check({ name, vlan, trunk, nativeVlan, mtu, maxAddresses }: PortSettings): void {
  const port = { owner: `port ${name}`, path: [] }
  checkWhole(vlan, 1, MAX_VLAN, within(port, 'vlan'))
  for (const [index, each] of (trunk ?? []).entries())
    checkWhole(each, 1, MAX_VLAN, within(port, 'trunk', index))
  checkWhole(nativeVlan, 0, MAX_VLAN, within(port, 'nativeVlan'))
  checkWhole(mtu, MIN_MTU, MAX_MTU, within(port, 'mtu'))
  checkWhole(maxAddresses, 1, MAX_FDB_ENTRIES, within(port, 'maxAddresses'))
  if (vlan !== undefined && trunk !== undefined)
    throw new SettingError(
      within(port, 'trunk'),
      'makes a trunk, and vlan an access port; give one, not both',
    )
  if (nativeVlan !== undefined && trunk === undefined)
    throw new SettingError(within(port, 'nativeVlan'), 'is for trunks; add trunk, or use vlan')
}

function vlanBitmap(vlans: readonly number[], isTransparent: boolean): Uint8Array {
  const bitmap = new Uint8Array(VLAN_BITMAP_BYTES).fill(isTransparent ? 0xff : 0)
  for (const vlan of vlans) bitmap[vlan >> 3] = (bitmap[vlan >> 3] as number) | (1 << (vlan & 7))
  return bitmap
}

/**
 * Makes numbers and bytes of what a user wrote: the one place where a port's settings are parsed. Throws a
 * SettingError for the first that is malformed or contradicts another.
 */
export function readSettings(settings: PortSettings): RowSettings {
  const { name, vlan, trunk, nativeVlan, isolated, sticky, publish, mirror } = settings
  check(settings)
  const isTrunk = vlan === undefined
  const isTransparent = isTrunk && trunk === undefined
  return {
    name,
    flags:
      (isTrunk ? PORT_TRUNK : 0) |
      (isTransparent ? PORT_TRANSPARENT : 0) |
      (isolated === true ? PORT_ISOLATED : 0) |
      (sticky === true ? PORT_STICKY : 0) |
      (mirror === undefined ? 0 : PORT_MIRROR),
    nativeVlan: vlan ?? (isTransparent ? 0 : (nativeVlan ?? NO_VLAN)),
    vlans: vlanBitmap(trunk ?? [], isTransparent),
    groups: RESERVED_GROUPS[settings.reservedGroups ?? 'drop'],
    // Copies are shown as they are, unless somebody wants otherwise.
    merge:
      ((settings.merge ?? mirror === undefined) ? MERGE_SEGMENTS : 0) |
      (settings.thinAcks === true ? MERGE_ACKS : 0),
    maxAddresses: settings.maxAddresses ?? DEFAULT_MAX_ADDRESSES,
    mtu: settings.mtu,
    guard: readGuard(settings, name),
    rates: readRateLimits(settings, name),
    hold: publish === 'per-packet' ? { ...NATURAL_LIMITS, maxFrames: 1 } : NATURAL_LIMITS,
  }
}
