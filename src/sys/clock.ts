import { closeSync, openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

/** Microseconds on a monotonic clock, from the start of this thread. */
export function nowUs(): number {
  return performance.now() * 1000
}

/** Microseconds since 1970, by the clock that the machine tells the time with: it may be set. Source: clock_gettime(2). */
export function wallUs(): number {
  const timespec = new NativeBuffer(TIMESPEC_BYTES)
  libc.clock_gettime(CLOCK_REALTIME, timespec.address)
  const { data } = timespec
  const us = Number(data.getBigInt64(0, true)) * 1e6 + Number(data.getBigInt64(8, true)) / 1e3
  timespec.free()
  return us
}

/** When the clock of the calling thread started, in microseconds on the clock of the machine that all threads share. */
export function clockStartUs(): number {
  return Number(process.hrtime.bigint()) / 1e3 - nowUs()
}

const PR_SET_TIMERSLACK = 29

/**
 * Lets the calling thread's timed waits end on time: by default the kernel may add 50 us to each, which is as
 * much as a frame may be held. Source: prctl(2).
 */
export function sharpenTimers(): void {
  libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

const CLOCK_REALTIME = 0
const CLOCK_THREAD_CPUTIME_ID = 3

/** The clock of another thread's processor time. Source: include/linux/posix-timers.h, CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED. */
function clockOfThread(thread: number): number {
  return (~thread << 3) | 4 | 2
}

const TIMESPEC_BYTES = 16

const SCHEDSTAT_BYTES = 64
const [SPACE, ZERO] = [0x20, 0x30]

function openSchedstat(thread: number | undefined): number {
  try {
    return openSync(`/proc/${thread === undefined ? 'thread-self' : `self/task/${thread}`}/schedstat`, 'r')
  } catch {
    return -1
  }
}

/** The processor time of a thread of this process. A reading is a system call or two: some hundred nanoseconds, microseconds. */
export class ThreadClock {
  readonly #timespec = new NativeBuffer(TIMESPEC_BYTES)
  readonly #clock: number
  readonly #schedstat: number
  readonly #text = Buffer.alloc(SCHEDSTAT_BYTES)

  /** @param thread the kernel's number of the thread; left out: the calling one */
  constructor(thread?: number) {
    this.#clock = thread === undefined ? CLOCK_THREAD_CPUTIME_ID : clockOfThread(thread)
    this.#schedstat = openSchedstat(thread)
  }

  /** Microseconds of processor time, user and system, that the thread has used. Source: clock_gettime(2). */
  us(): number {
    libc.clock_gettime(this.#clock, this.#timespec.address)
    const { data } = this.#timespec
    return Number(data.getBigInt64(0, true)) * 1e6 + Number(data.getBigInt64(8, true)) / 1e3
  }

  /**
   * Microseconds in which the thread was ready to run while others had its processor; 0 on a kernel
   * without such a counter. Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second number.
   */
  waitedUs(): number {
    if (this.#schedstat < 0) return 0
    const bytes = readSync(this.#schedstat, this.#text, 0, SCHEDSTAT_BYTES, 0)
    let ns = 0
    for (let at = this.#text.indexOf(SPACE) + 1; at < bytes && this.#text[at] !== SPACE; at++)
      ns = ns * 10 + (this.#text[at] as number) - ZERO
    return ns / 1e3
  }

  free(): void {
    this.#timespec.free()
    if (this.#schedstat >= 0) closeSync(this.#schedstat)
  }
}
