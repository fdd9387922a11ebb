import type { HoldLimits } from '../aggregation/hold.js'
import { NATURAL_LIMITS } from '../aggregation/policy.js'
import {
  G_GENERATION,
  GLOBALS_AT,
  GUARD_RATE,
  GUARD_STORM,
  MAX_FRAME_BYTES,
  MERGE_ACKS,
  MERGE_SEGMENTS,
  NO_VLAN,
  P_FDB_LIMIT,
  P_FLAGS,
  P_FROM_RING,
  P_GAP_US,
  P_GROUPS,
  P_GUARD,
  P_HOLD_US,
  P_MAX_BATCH_BYTES,
  P_MAX_BATCH_FRAMES,
  P_MAX_FRAME,
  P_MERGE,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_RING,
  P_SENDS,
  P_STARTED_PAIRS,
  P_TAKES,
  P_URGENT_FLUSH,
  P_VLANS,
  PORT_ACTIVE,
  PORT_BYTES,
  PORT_GUARDED,
  PORT_ISOLATED,
  PORT_METERED,
  PORT_STICKY,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_VIF,
  PORTS_AT,
  R_BASE,
  R_BYTES,
  RING_HEADER_BYTES,
  TAKE_CSUM,
  TAKE_ECN,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'
import type { PortSettings, ReservedGroups } from './config.js'
import { readGuard, writeGuard } from './guard.js'
import { readLimits, writeLimits } from './limits.js'

const DEFAULT_MAX_ADDRESSES = 4096
const ETHERNET_BYTES = 14
/** Which of 01-80-C2-00-00-00 to -0F are forwarded. -01 (PAUSE) never: it would stop the wrong link. */
const RESERVED_GROUPS: Readonly<Record<ReservedGroups, number>> = { drop: 0, stp: 1, all: 0xfffd }
/** Every offload that a virtio-net header can ask for. */
export const TAKE_ALL = TAKE_CSUM | TAKE_TSO4 | TAKE_TSO6 | TAKE_ECN | TAKE_USO4 | TAKE_USO6

/** Bytes of a port's byte ring: what may wait for a host port, or for a guest without buffers. */
export const RING_BYTES = 1024 * 1024

/** A byte ring: its linear offset, or 0 when there is no room. */
export function allocateByteRing(memory: LinearMemory): number {
  const ring = memory.allocate(RING_HEADER_BYTES + RING_BYTES)
  if (ring === 0) return 0
  memory.u8.fill(0, ring, ring + RING_HEADER_BYTES)
  memory.u32[(ring + R_BASE) >>> 2] = ring + RING_HEADER_BYTES
  memory.u32[(ring + R_BYTES) >>> 2] = RING_BYTES
  return ring
}

/** One row of the plane's port table, as the TypeScript side writes it. */
export class PortRow {
  readonly memory: LinearMemory
  readonly index: number
  /** Linear offset of the row. */
  readonly at: number
  #ring = 0
  /** Linear offset of the byte ring of frames that a rate limit holds back before they are forwarded. */
  #fromRing = 0

  constructor(memory: LinearMemory, index: number) {
    this.memory = memory
    this.index = index
    this.at = PORTS_AT + index * PORT_BYTES
  }

  get(field: number): number {
    return this.memory.u32[(this.at + field) >>> 2] as number
  }

  /** Writes a field; cached forwarding decisions are void from then on. */
  set(field: number, value: number): void {
    this.memory.u32[(this.at + field) >>> 2] = value
    const generation = (GLOBALS_AT + G_GENERATION) >>> 2
    this.memory.u32[generation] = (this.memory.u32[generation] as number) + 1
  }

  /** Linear offset of the byte ring. */
  get ring(): number {
    return this.#ring
  }

  /** Sets or clears flags (PORT_*). */
  flag(flags: number, on: boolean): void {
    this.set(P_FLAGS, on ? this.get(P_FLAGS) | flags : this.get(P_FLAGS) & ~flags)
  }

  /** Sets which offloads the receiver takes and the sender may use (TAKE_*). */
  setOffloads(takes: number, sends: number): void {
    this.set(P_TAKES, takes)
    this.set(P_SENDS, sends)
  }

  /**
   * Clears the row, takes its byte ring, and writes the settings. Throws, holding nothing, CONFIG when a setting
   * is malformed and UNSUPPORTED when the memory has no room.
   */
  open(settings: PortSettings, isVif: boolean): void {
    readGuard(settings, settings.name)
    readLimits(settings, settings.name)
    this.memory.u8.fill(0, this.at, this.at + PORT_BYTES)
    this.#ring = this.#allocateRing(settings)
    this.set(P_RING, this.#ring)
    this.set(P_QUEUE_PAIRS, 1)
    this.set(P_STARTED_PAIRS, 1)
    this.set(P_FLAGS, PORT_ACTIVE | (isVif ? PORT_VIF : 0))
    try {
      this.configure(settings)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** A new byte ring. Throws UNSUPPORTED when the memory has no room. */
  #allocateRing(settings: PortSettings): number {
    const ring = allocateByteRing(this.memory)
    if (ring === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${settings.name}: the linear memory is full; remove a port or give it more memory`,
      )
    return ring
  }

  /** Writes the settings that may change while the port runs. Throws CONFIG, changing nothing, when malformed. */
  configure(settings: PortSettings): void {
    const guard = readGuard(settings, settings.name)
    const limits = readLimits(settings, settings.name)
    if ((limits.checks & GUARD_RATE) !== 0 && (this.get(P_FLAGS) & PORT_VIF) === 0 && this.#fromRing === 0) {
      this.#fromRing = this.#allocateRing(settings)
      this.set(P_FROM_RING, this.#fromRing)
    }
    writeGuard(this.memory, this.at, guard)
    writeLimits(this.memory, this.at, limits)
    const checks = guard.checks | limits.checks
    this.set(P_GUARD, checks)
    this.flag(PORT_GUARDED, (checks & ~GUARD_STORM) !== 0)
    this.flag(PORT_METERED, limits.toVm)
    const trunk = settings.vlan === undefined
    this.flag(PORT_TRUNK, trunk)
    this.flag(PORT_ISOLATED, settings.isolated === true)
    const transparent = trunk && settings.trunk === undefined
    this.flag(PORT_TRANSPARENT, transparent)
    this.set(P_NATIVE_VLAN, settings.vlan ?? (transparent ? 0 : (settings.nativeVlan ?? NO_VLAN)))
    this.set(P_GROUPS, RESERVED_GROUPS[settings.reservedGroups ?? 'drop'])
    this.flag(PORT_STICKY, settings.sticky === true)
    const vlans = this.memory.u8.subarray(this.at + P_VLANS, this.at + P_VLANS + 512)
    vlans.fill(transparent ? 0xff : 0)
    for (const vlan of settings.trunk ?? [])
      vlans[vlan >> 3] = (vlans[vlan >> 3] as number) | (1 << (vlan & 7))
    this.set(
      P_MERGE,
      ((settings.merge ?? true) ? MERGE_SEGMENTS : 0) | (settings.thinAcks === true ? MERGE_ACKS : 0),
    )
    this.set(P_FDB_LIMIT, settings.maxAddresses ?? DEFAULT_MAX_ADDRESSES)
    this.setMtu(settings.mtu)
    this.setLimits(settings.publish === 'per-packet' ? { ...NATURAL_LIMITS, maxFrames: 1 } : NATURAL_LIMITS)
  }

  /** Sets the largest IP packet in bytes that may cross, either way; undefined: any. */
  setMtu(mtu: number | undefined): void {
    this.set(
      P_MAX_FRAME,
      mtu === undefined ? MAX_FRAME_BYTES : Math.min(mtu + ETHERNET_BYTES, MAX_FRAME_BYTES),
    )
  }

  /** Sets how long frames toward the receiver may be held, and in what numbers. */
  setLimits(limits: HoldLimits): void {
    this.memory.f64[(this.at + P_HOLD_US) >>> 3] = limits.holdUs
    this.memory.f64[(this.at + P_GAP_US) >>> 3] = limits.gapUs
    this.set(P_MAX_BATCH_FRAMES, limits.maxFrames)
    this.set(P_MAX_BATCH_BYTES, limits.maxBytes)
    this.set(P_URGENT_FLUSH, limits.urgentFlush ? 1 : 0)
  }

  /** Gives the row and its byte ring back. */
  close(): void {
    this.set(P_FLAGS, 0)
    this.set(P_RING, 0)
    this.set(P_FROM_RING, 0)
    if (this.#ring !== 0) this.memory.free(this.#ring)
    if (this.#fromRing !== 0) this.memory.free(this.#fromRing)
    this.#ring = 0
    this.#fromRing = 0
  }
}
