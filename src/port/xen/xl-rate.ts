import type { VifRate } from '../../xen/backend-keys.js'
import type { RateLimits } from '../rate-limits.js'

const KIB = 1024
const MICROSECONDS = 1e6
/** 8 GiB per second, the highest limit of a port. */
const MAX_KIB = 8_388_608

const inKiB = (bytes: number): number => Math.min(MAX_KIB, Math.max(1, Math.round(bytes / KIB)))

/** The limit that `rate=` of an `xl` configuration means: what may pass in an interval, of which one may come at once. */
export function rateLimitOf({ bytes, intervalUs }: VifRate): RateLimits {
  return { averageKiB: inKiB((bytes * MICROSECONDS) / intervalUs), burstKiB: inKiB(bytes) }
}
