import type { HoldLimits } from '../aggregation/hold-limits.js'
import { RingferryError } from '../errors/errors.js'
import { allocateByteRing, recordCount } from './byte-ring.js'
import { portAt } from './globals.js'
import { type GuardLists, writeGuard } from './guard-lists.js'
import {
  GUARD_RATE,
  GUARD_STORM,
  MAX_FRAME_BYTES,
  P_CAPTURE,
  P_COUNTERS,
  P_DROPS,
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
  P_MIRRORS,
  P_NATIVE_VLAN,
  P_QUEUE_PAIRS,
  P_RING,
  P_SENDS,
  P_STARTED_PAIRS,
  P_TAKES,
  P_URGENT_PUBLISH,
  P_VLANS,
  PORT_ACTIVE,
  PORT_BYTES,
  PORT_GUARDED,
  PORT_GUEST,
  PORT_ISOLATED,
  PORT_METERED,
  PORT_MIRROR,
  PORT_STICKY,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  PORT_VRINGS,
  PORT_WATCHED,
  TAKE_CSUM,
  TAKE_ECN,
  TAKE_TSO4,
  TAKE_TSO6,
  TAKE_USO4,
  TAKE_USO6,
} from './layout.js'
import type { LinearMemory } from './linear-memory.js'
import { type RateBuckets, writeBuckets } from './rate-buckets.js'
import { Row } from './row.js'

const ETHERNET_BYTES = 14
/** Every offload that a virtio-net header can ask for. */
export const TAKE_ALL = TAKE_CSUM | TAKE_TSO4 | TAKE_TSO6 | TAKE_ECN | TAKE_USO4 | TAKE_USO6
/** Bytes of a bitmap of VLANs. */
export const VLAN_BITMAP_BYTES = 512
/** The flags that settings decide; the rest are the port's state. */
const SETTING_FLAGS = PORT_TRUNK | PORT_TRANSPARENT | PORT_ISOLATED | PORT_STICKY | PORT_MIRROR

/** The settings of a port as its row holds them; src/port/settings.ts makes them of what a user writes. */
export interface RowSettings {
  /** How errors call the port. */
  readonly name: string
  /** PORT_TRUNK, PORT_TRANSPARENT, PORT_ISOLATED, PORT_STICKY, PORT_MIRROR. */
  readonly flags: number
  /** VLAN of untagged frames, or NO_VLAN. */
  readonly nativeVlan: number
  /** Bitmap of the VLANs that cross tagged. */
  readonly vlans: Uint8Array
  /** Which reserved group addresses are forwarded, one bit each. */
  readonly groups: number
  /** MERGE_*. */
  readonly merge: number
  readonly maxAddresses: number
  /** Largest IP packet in bytes; undefined: any. */
  readonly mtu: number | undefined
  readonly guard: GuardLists
  readonly rates: RateBuckets
  /** Hold limits at first: the policy's, or those of the publication mode that was set. */
  readonly hold: HoldLimits
}

/** What a driver wishes of the frames that it receives: none waits longer, and no more of them wait (0: any number). */
export interface HoldBound {
  readonly holdUs: number
  readonly maxFrames: number
}

/** One row of the plane's port table, as the TypeScript side writes it. */
export class PortRow extends Row {
  declare readonly memory: LinearMemory
  readonly index: number
  #ring = 0
  /** Linear offset of the byte ring of frames that a rate limit holds back before they are forwarded. */
  #fromRing = 0
  #hold: HoldLimits | undefined
  #bound: HoldBound | undefined

  constructor(memory: LinearMemory, index: number) {
    super(memory, portAt(index))
    this.index = index
  }

  /** Linear offset of the byte ring. */
  get ring(): number {
    return this.#ring
  }

  /** Sets or clears flags (PORT_*). */
  flag(flags: number, on: boolean): void {
    this.set(P_FLAGS, on ? this.get(P_FLAGS) | flags : this.get(P_FLAGS) & ~flags)
  }

  has(flags: number): boolean {
    return (this.get(P_FLAGS) & flags) !== 0
  }

  /** Counts an event (C_*) of the port that happens outside the plane. */
  count(counter: number): void {
    this.#add(P_COUNTERS + counter * 8, 1)
  }

  /** Counts frames dropped (DROP_*) outside the plane. */
  countDrops(reason: number, frames: number): void {
    if (frames > 0) this.#add(P_DROPS + reason * 8, frames)
  }

  #add(field: number, by: number): void {
    this.setU64(field, this.getU64(field) + BigInt(by))
  }

  /** Sets which offloads the receiver takes and the sender may use (TAKE_*). */
  setOffloads(takes: number, sends: number): void {
    this.set(P_TAKES, takes)
    this.set(P_SENDS, sends)
  }

  /** Clears the row, takes its byte ring, and writes the settings. Throws UNSUPPORTED, holding nothing, without room. */
  open(settings: RowSettings, isVif: boolean): void {
    this.bytes(0, PORT_BYTES).fill(0)
    this.#ring = this.#allocateRing(settings.name)
    this.set(P_RING, this.#ring)
    this.set(P_QUEUE_PAIRS, 1)
    this.set(P_STARTED_PAIRS, 1)
    this.set(P_FLAGS, PORT_ACTIVE | (isVif ? PORT_VRINGS | PORT_GUEST : 0))
    try {
      this.configure(settings)
    } catch (error) {
      this.close()
      throw error
    }
    this.setHoldLimits(settings.hold)
  }

  #allocateRing(name: string): number {
    const ring = allocateByteRing(this.memory)
    if (ring === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${name}: the linear memory is full; remove a port or give it more memory`,
      )
    return ring
  }

  /**
   * Takes what the settings need beyond the row: frames from a host port wait for its rate limit in a byte ring. Throws
   * UNSUPPORTED when there is no room.
   */
  reserve(settings: RowSettings): void {
    if ((settings.rates.checks & GUARD_RATE) === 0 || this.has(PORT_VRINGS) || this.#fromRing !== 0) return
    this.#fromRing = this.#allocateRing(settings.name)
    this.set(P_FROM_RING, this.#fromRing)
  }

  /** Linear offset of the capture ring, or 0. While there is one, what crosses the port is copied into it. */
  get capture(): number {
    return this.get(P_CAPTURE)
  }

  set capture(ring: number) {
    this.set(P_CAPTURE, ring)
    this.#watch()
  }

  /** The mirror ports that get copies of what crosses the port: their rows, one bit each. */
  setMirrors(rows: bigint): void {
    this.setU64(P_MIRRORS, BigInt.asUintN(64, rows))
    this.setU64(P_MIRRORS + 8, rows >> 64n)
    this.#watch()
  }

  #watch(): void {
    const mirrors = this.getU64(P_MIRRORS) | this.getU64(P_MIRRORS + 8)
    this.flag(PORT_WATCHED, this.capture !== 0 || mirrors !== 0n)
  }

  /** Whether what comes from the port has a rate limit. */
  get limitsSender(): boolean {
    return (this.get(P_GUARD) & GUARD_RATE) !== 0
  }

  /** Gives back what reserve() took, if the present settings do not need it and no frame waits in it. */
  release(): void {
    if (this.#fromRing === 0 || this.limitsSender) return
    if (recordCount(this.memory, this.#fromRing) > 0) return
    this.set(P_FROM_RING, 0)
    this.memory.free(this.#fromRing)
    this.#fromRing = 0
  }

  /**
   * Writes the settings that may change while the port runs; frames that wait, tokens of limits that stay and what
   * is held go on. Throws, changing nothing, what reserve() does.
   */
  configure(settings: RowSettings): void {
    this.reserve(settings)
    const { guard, rates, flags } = settings
    writeGuard(this, guard)
    writeBuckets(this, rates)
    const checks = guard.checks | rates.checks
    this.set(P_GUARD, checks)
    this.flag(PORT_GUARDED, (checks & ~GUARD_STORM) !== 0)
    this.flag(PORT_METERED, rates.toVm)
    this.set(P_FLAGS, (this.get(P_FLAGS) & ~SETTING_FLAGS) | flags)
    this.set(P_NATIVE_VLAN, settings.nativeVlan)
    this.bytes(P_VLANS, VLAN_BITMAP_BYTES).set(settings.vlans)
    this.set(P_GROUPS, settings.groups)
    this.set(P_MERGE, settings.merge)
    this.set(P_FDB_LIMIT, settings.maxAddresses)
    this.setMtu(settings.mtu)
  }

  /** Sets the largest IP packet in bytes that may cross, either way; undefined: any. */
  setMtu(mtu: number | undefined): void {
    this.set(
      P_MAX_FRAME,
      mtu === undefined ? MAX_FRAME_BYTES : Math.min(mtu + ETHERNET_BYTES, MAX_FRAME_BYTES),
    )
  }

  /** How long frames toward the receiver may be held, and in what numbers. */
  setHoldLimits(limits: HoldLimits): void {
    this.#hold = limits
    this.#writeHold()
  }

  /** Bounds the hold limits by what the receiver's driver wishes, whatever they are from now on; undefined: no wish. */
  boundHold(bound: HoldBound | undefined): void {
    this.#bound = bound
    if (this.#hold) this.#writeHold()
  }

  #writeHold(): void {
    const limits = this.#hold as HoldLimits
    const { holdUs = Number.POSITIVE_INFINITY, maxFrames = 0 } = this.#bound ?? {}
    this.setF64(P_HOLD_US, Math.min(limits.holdUs, holdUs))
    this.setF64(P_GAP_US, limits.gapUs)
    this.set(P_MAX_BATCH_FRAMES, maxFrames === 0 ? limits.maxFrames : Math.min(limits.maxFrames, maxFrames))
    this.set(P_MAX_BATCH_BYTES, limits.maxBytes)
    this.set(P_URGENT_PUBLISH, limits.urgentPublish ? 1 : 0)
  }

  /** Gives the row and its byte rings back. */
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
