import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100
const NS_PER_S = 1e9
const NS_PER_US = 1e3

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

/**
 * Processor seconds of a thread of this process so far; 0 when it has ended. In nanoseconds where the kernel keeps scheduler
 * statistics, else in hundredths of a second. Source: proc(5), /proc/PID/task/TID/schedstat and stat, fields 14 and 15.
 */
function threadSeconds(thread: number): number {
  const task = `/proc/self/task/${thread}`
  const ranNs = Number(read(`${task}/schedstat`).split(' ')[0])
  if (ranNs > 0) return ranNs / NS_PER_S
  const stat = read(`${task}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND
}

/** Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second number. */
function threadWaitedUs(thread: number): number {
  return Number(read(`/proc/self/task/${thread}/schedstat`).split(' ')[1] ?? 0) / NS_PER_US
}

/** The processor time of a thread of this process, also after it has ended. */
export class ThreadTime {
  readonly #thread: number
  #last = 0

  /** @param thread the kernel's number of the thread, which it tells by threadId() */
  constructor(thread: number) {
    this.#thread = thread
  }

  /** Seconds so far. A thread that has ended counts as when it was last read. */
  seconds(): number {
    // The number may be given out again to a thread that has used less.
    this.#last = Math.max(this.#last, threadSeconds(this.#thread))
    return this.#last
  }

  /**
   * Microseconds so far in which the thread was ready to run while others had its processor; 0 when it has ended, and on a
   * kernel without such a counter.
   */
  waitedUs(): number {
    return threadWaitedUs(this.#thread)
  }
}
