import { performance } from 'node:perf_hooks'
import { libc } from './libc.js'

/** Microseconds on a monotonic clock, from the start of this thread. */
export function nowUs(): number {
  return performance.now() * 1000
}

const PR_SET_TIMERSLACK = 29

/**
 * Lets the calling thread's timed waits end on time: by default the kernel may add 50 us to each, which is as
 * much as a frame may be held. Source: prctl(2).
 */
export function sharpenTimers(): void {
  libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
}
