/**
 * The process that keeps processors awake (awake.ts): a thread of the idle class on each on which it may run. It says
 * "on" and their numbers, or "failed" and why, and ends with its standard input.
 */
import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { allowedCpus } from '../../sys/affinity.js'
import { IdleThreads } from '../../sys/idle-threads.js'

/** The threads spin for a slice of 30 ms at least, and then only when they are told again. */
const RENEW_MS = 10
const LEAST_WEIGHT = 19

/**
 * Classes are compared within a session's group alone: to all other sessions this one is worth what its group is. Source:
 * sched(7), autogroup.
 */
function weighLeast(): void {
  try {
    writeFileSync('/proc/self/autogroup', String(LEAST_WEIGHT))
  } catch {
    // A kernel without such groups compares classes everywhere.
  }
  setPriority(LEAST_WEIGHT)
}

try {
  weighLeast()
  const threads = new IdleThreads(allowedCpus(0))
  threads.on()
  setInterval(() => threads.on(), RENEW_MS)
  process.stdin.resume().on('end', () => process.exit(0))
  process.stdout.write(`on ${threads.cpus.join(' ')}\n`)
} catch (error) {
  process.stdout.write(`failed ${(error as Error).message}\n`)
}
