import { constants } from 'node:os'
import { libc } from './libc.js'

const PR_SET_PDEATHSIG = 1

/** Ends the process at once, without waiting for its threads: one may be held in the kernel. */
export function endProcess(code: number): void {
  libc._exit(code)
}

/**
 * Has the kernel send SIGTERM when the parent ends, and ends at once when it has done so already.
 * @param parent its process id, as the parent knows it
 */
export function endWithParent(parent: number): void {
  libc.prctl(PR_SET_PDEATHSIG, constants.signals.SIGTERM, 0, 0, 0)
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
}
