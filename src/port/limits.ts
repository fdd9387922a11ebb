import { MAX_FRAME_BYTES, type RateLimits } from '../aggregation/token-bucket.js'
import {
  BUCKET_AT_US,
  BUCKET_BYTES,
  BUCKET_DEPTH,
  BUCKET_RATE,
  BUCKET_TOKENS,
  GUARD_RATE,
  GUARD_STORM,
  P_BUCKETS,
  P_WAIT_FROM,
  P_WAIT_TO,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'

export type { RateLimits } from '../aggregation/token-bucket.js'

/** How much may cross a port. Left out = no limit. Frames beyond a rate wait; see docs/limits.md. */
export interface LimitSettings {
  /** What the VM sends: it waits before anything is learned, a vif's in its own transmit ring. */
  readonly fromVm?: RateLimits
  /** What is sent to the VM: it waits in the port's queue, at most 100 ms while more waits behind it. */
  readonly toVm?: RateLimits
  /**
   * Frames per second that may be flooded from the port: broadcast, multicast and unknown unicast; 0: no limit.
   * Default 10,000: a network of thousands of hosts broadcasts less; raise it for multicast streams.
   */
  readonly stormFps?: number
}

/** 8 GiB per second: what keeps the buckets' millionths exact. */
const MAX_KIB = 8_388_608
const MAX_FPS = 1_000_000_000
const DEFAULT_STORM_FPS = 10_000
const MICRO = 1_000_000n

/** A bucket as configured: units per second and units that may pass at once; rate 0 = no limit. */
interface Bucket {
  readonly rate: number
  readonly depth: number
}

const NO_LIMIT: Bucket = { rate: 0, depth: 0 }

/** The buckets of a port, in the order of their indices (BUCKET_*), and the GUARD_* bits they switch on. */
export interface LimitBuckets {
  readonly buckets: readonly Bucket[]
  readonly checks: number
  /** Whether anything limits what is sent to the VM. */
  readonly toVm: boolean
}

function check(value: number | undefined, max: number, where: string, min = 1): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new RingferryError('CONFIG', `${where} is ${value}; it must be a whole number from ${min} to ${max}`)
}

/** A tenth of a second's frames may come at once. */
function frameBucket(fps: number | undefined): Bucket {
  return fps === undefined || fps === 0 ? NO_LIMIT : { rate: fps, depth: Math.max(1, Math.floor(fps / 10)) }
}

/** The buckets of one direction, equal to those of RateLimiter in src/aggregation/token-bucket.ts. */
function direction(limits: RateLimits | undefined, where: string): Bucket[] {
  const { averageKiB, peakKiB, burstKiB, framesPerSecond } = limits ?? {}
  check(averageKiB, MAX_KIB, `${where}.averageKiB`)
  check(peakKiB, MAX_KIB, `${where}.peakKiB`)
  check(burstKiB, MAX_KIB, `${where}.burstKiB`)
  check(framesPerSecond, MAX_FPS, `${where}.framesPerSecond`)
  if (burstKiB !== undefined && averageKiB === undefined)
    throw new RingferryError('CONFIG', `${where}.burstKiB needs averageKiB beside it; add it, or use peakKiB`)
  if (averageKiB !== undefined && peakKiB !== undefined && peakKiB < averageKiB)
    throw new RingferryError(
      'CONFIG',
      `${where}.peakKiB is ${peakKiB}, less than averageKiB (${averageKiB}); raise it or leave it out`,
    )
  const average: Bucket =
    averageKiB === undefined ? NO_LIMIT : { rate: averageKiB * 1024, depth: (burstKiB ?? averageKiB) * 1024 }
  const peak = peakKiB === undefined ? NO_LIMIT : { rate: peakKiB * 1024, depth: MAX_FRAME_BYTES }
  return [frameBucket(framesPerSecond), average, peak]
}

/** Reads the limits of a port. Throws CONFIG when one is out of range or contradicts another. */
export function readLimits(settings: LimitSettings, name: string): LimitBuckets {
  const fromVm = direction(settings.fromVm, `port ${name}: fromVm`)
  const toVm = direction(settings.toVm, `port ${name}: toVm`)
  check(settings.stormFps, MAX_FPS, `port ${name}: stormFps`, 0)
  const storm = frameBucket(settings.stormFps ?? DEFAULT_STORM_FPS)
  const isOn = (bucket: Bucket): boolean => bucket.rate !== 0
  return {
    buckets: [...fromVm, ...toVm, storm],
    checks: (fromVm.some(isOn) ? GUARD_RATE : 0) | (isOn(storm) ? GUARD_STORM : 0),
    toVm: toVm.some(isOn),
  }
}

/** Writes the buckets into the port row at a linear offset. One that changed begins full; others go on. */
export function writeLimits(memory: LinearMemory, row: number, limits: LimitBuckets): void {
  for (const [index, bucket] of limits.buckets.entries()) {
    const at = row + P_BUCKETS + index * BUCKET_BYTES
    const rate = BigInt(bucket.rate)
    const depth = BigInt(bucket.depth) * MICRO
    if (memory.u64[(at + BUCKET_RATE) / 8] === rate && memory.u64[(at + BUCKET_DEPTH) / 8] === depth) continue
    memory.u64[(at + BUCKET_RATE) / 8] = rate
    memory.u64[(at + BUCKET_DEPTH) / 8] = depth
    memory.u64[(at + BUCKET_TOKENS) / 8] = depth
    memory.u64[(at + BUCKET_AT_US) / 8] = 0n
    memory.f64[(row + P_WAIT_FROM) / 8] = 0
    memory.f64[(row + P_WAIT_TO) / 8] = 0
  }
}
