import { libc } from './libc.js'

/** Ends the process at once, without waiting for its threads: one may be held in the kernel. */
export function endProcess(code: number): void {
  libc._exit(code)
}
