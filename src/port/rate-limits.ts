import { GUARD_RATE, GUARD_STORM } from '../core/layout.js'
import type { Bucket, RateBuckets } from '../core/rate-buckets.js'
import { checkWhole, SettingError, type SettingPlace, within } from '../errors/setting-error.js'

/** Limits of one direction of a port. Left out = not limited. Source of the units: libvirt domain XML, bandwidth. */
export interface RateLimits {
  /** Average rate in KiB per second. */
  readonly averageKiB?: number
  /** Highest rate while a burst lasts, in KiB per second. */
  readonly peakKiB?: number
  /** Amount that may pass at peak rate, in KiB; one second of the average when left out, as in libvirt. */
  readonly burstKiB?: number
  /** Frames per second; a tenth of a second's worth may come at once. */
  readonly framesPerSecond?: number
}

/** How much may cross a port. Left out = no limit. Frames beyond a rate wait; see docs/limits.md. */
export interface RateLimitSettings {
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

/** Depth of a peak bucket: one super-frame, 65,535 bytes of IP with Ethernet and two VLAN headers. */
export const PEAK_DEPTH_BYTES = 65_557
/** 8 GiB per second: what keeps the buckets' millionths exact. */
const MAX_KIB = 8_388_608
const MAX_FPS = 1_000_000_000
const DEFAULT_STORM_FPS = 10_000

const NO_LIMIT: Bucket = { rate: 0, depth: 0 }

/** A tenth of a second's frames may come at once. */
function frameBucket(fps: number | undefined): Bucket {
  return fps === undefined || fps === 0 ? NO_LIMIT : { rate: fps, depth: Math.max(1, Math.floor(fps / 10)) }
}

/** The buckets of one direction, as plane/bridge/policer.ts keeps them. */
function direction(limits: RateLimits | undefined, where: SettingPlace): Bucket[] {
  const { averageKiB, peakKiB, burstKiB, framesPerSecond } = limits ?? {}
  checkWhole(averageKiB, 1, MAX_KIB, within(where, 'averageKiB'))
  checkWhole(peakKiB, 1, MAX_KIB, within(where, 'peakKiB'))
  checkWhole(burstKiB, 1, MAX_KIB, within(where, 'burstKiB'))
  checkWhole(framesPerSecond, 1, MAX_FPS, within(where, 'framesPerSecond'))
  if (burstKiB !== undefined && averageKiB === undefined)
    throw new SettingError(within(where, 'burstKiB'), 'needs averageKiB beside it; add it, or use peakKiB')
  if (averageKiB !== undefined && peakKiB !== undefined && peakKiB < averageKiB)
    throw new SettingError(
      within(where, 'peakKiB'),
      `is ${peakKiB}, less than averageKiB (${averageKiB}); raise it or leave it out`,
    )
  const average: Bucket =
    averageKiB === undefined ? NO_LIMIT : { rate: averageKiB * 1024, depth: (burstKiB ?? averageKiB) * 1024 }
  const peak = peakKiB === undefined ? NO_LIMIT : { rate: peakKiB * 1024, depth: PEAK_DEPTH_BYTES }
  return [frameBucket(framesPerSecond), average, peak]
}

/** Reads the rate limits of a port. Throws a SettingError when one is out of range or contradicts another. */
export function readRateLimits(settings: RateLimitSettings, name: string): RateBuckets {
  const port = { owner: `port ${name}`, path: [] }
  const fromVm = direction(settings.fromVm, within(port, 'fromVm'))
  const toVm = direction(settings.toVm, within(port, 'toVm'))
  checkWhole(settings.stormFps, 0, MAX_FPS, within(port, 'stormFps'))
  const storm = frameBucket(settings.stormFps ?? DEFAULT_STORM_FPS)
  const isOn = (bucket: Bucket): boolean => bucket.rate !== 0
  return {
    buckets: [...fromVm, ...toVm, storm],
    checks: (fromVm.some(isOn) ? GUARD_RATE : 0) | (isOn(storm) ? GUARD_STORM : 0),
    toVm: toVm.some(isOn),
  }
}
