// Processor time from /proc, of a process with all its threads or of one of them.
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Seconds of processor time of a thread of this process so far; 0 when the kernel has no such counters. */
export function threadSeconds(thread) {
  try {
    return Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    return 0
  }
}

/**
 * What every thread of a process has run and waited for a processor so far, in nanoseconds; empty when the kernel has no
 * such counters.
 * @param {number | 'self'} pid
 * @returns {Map<string, { ran: number, waited: number }>} by thread
 */
export function threadTimes(pid) {
  const times = new Map()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')
        .split(' ')
        .map(Number)
      times.set(thread, { ran, waited })
    } catch {
      // The thread has ended between the two calls, or the kernel has no such counters.
    }
  }
  return times
}

/**
 * How long the thread that ran or waited most between two readings waited for its processor, in milliseconds.
 * @param {ReturnType<typeof threadTimes>} before
 * @param {ReturnType<typeof threadTimes>} after
 */
export function busiestWaitedMs(before, after) {
  let [most, waited] = [-1, 0]
  for (const [thread, times] of after) {
    const earlier = before.get(thread)
    if (!earlier) continue
    const waits = times.waited - earlier.waited
    if (times.ran - earlier.ran + waits <= most) continue
    most = times.ran - earlier.ran + waits
    waited = waits
  }
  return waited / 1e6
}

/** Seconds of processor time of a process so far, by nanosecond counters where the kernel has them. */
export function processSeconds(pid) {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // The thread has ended between the two calls, or the kernel has no such counters.
    }
  }
  if (ns > 0) return ns / 1e9
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
