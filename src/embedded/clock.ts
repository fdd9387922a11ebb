import { nowUs } from '../sys/clock.js'

const TRIES = 16

/** Microseconds on the host's monotonic clock: the same in all threads and processes. Source: clock_gettime(2). */
export function hostNowUs(): number {
  return Number(process.hrtime.bigint()) / 1000
}

/**
 * What to add to `nowUs` of this thread to have the host's clock, which costs an allocation to read. Both run on
 * CLOCK_MONOTONIC, so the distance is constant; the shortest of several readings has it within a microsecond.
 */
export function hostClockOffsetUs(): number {
  let best = Number.POSITIVE_INFINITY
  let offset = 0
  for (let i = 0; i < TRIES; i++) {
    const before = nowUs()
    const host = hostNowUs()
    const width = nowUs() - before
    if (width >= best) continue
    best = width
    offset = host - before - width / 2
  }
  return offset
}
