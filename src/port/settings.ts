import { NATURAL_LIMITS } from '../aggregation/policy.js'
import {
  MERGE_ACKS,
  MERGE_SEGMENTS,
  NO_VLAN,
  PORT_ISOLATED,
  PORT_STICKY,
  PORT_TRANSPARENT,
  PORT_TRUNK,
} from '../core/layout.js'
import { type RowSettings, VLAN_BITMAP_BYTES } from '../core/port-row.js'
import type { PortSettings, ReservedGroups } from './config.js'
import { readGuard } from './guard.js'
import { readRateLimits } from './rate-limits.js'

const DEFAULT_MAX_ADDRESSES = 4096
/** Which of 01-80-C2-00-00-00 to -0F are forwarded. -01 (PAUSE) never: it would stop the wrong link. */
const RESERVED_GROUPS: Readonly<Record<ReservedGroups, number>> = { drop: 0, stp: 1, all: 0xfffd }

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
  const { name, vlan, trunk, nativeVlan, isolated, sticky, publish } = settings
  const isTrunk = vlan === undefined
  const isTransparent = isTrunk && trunk === undefined
  return {
    name,
    flags:
      (isTrunk ? PORT_TRUNK : 0) |
      (isTransparent ? PORT_TRANSPARENT : 0) |
      (isolated === true ? PORT_ISOLATED : 0) |
      (sticky === true ? PORT_STICKY : 0),
    nativeVlan: vlan ?? (isTransparent ? 0 : (nativeVlan ?? NO_VLAN)),
    vlans: vlanBitmap(trunk ?? [], isTransparent),
    groups: RESERVED_GROUPS[settings.reservedGroups ?? 'drop'],
    merge: ((settings.merge ?? true) ? MERGE_SEGMENTS : 0) | (settings.thinAcks === true ? MERGE_ACKS : 0),
    maxAddresses: settings.maxAddresses ?? DEFAULT_MAX_ADDRESSES,
    mtu: settings.mtu,
    guard: readGuard(settings, name),
    rates: readRateLimits(settings, name),
    hold: publish === 'per-packet' ? { ...NATURAL_LIMITS, maxFrames: 1 } : NATURAL_LIMITS,
  }
}
