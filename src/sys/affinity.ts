import { RingferryError } from '../errors/errors.js'
import { check, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

/** Bytes of a cpu_set_t. */
export const CPU_SET_BYTES = 128
const PROCESSORS = CPU_SET_BYTES * 8

/**
 * Binds a thread to one processor. Throws UNSUPPORTED when it may not run there.
 * @param thread its id; 0: the calling one
 */
export function bindToCpu(cpu: number, thread = 0): void {
  const mask = new NativeBuffer(CPU_SET_BYTES)
  try {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= PROCESSORS)
      throw new RingferryError('USAGE', `cpu ${cpu}: choose a number from 0 to ${PROCESSORS - 1}`)
    mask.bytes[cpu >> 3] = 1 << (cpu & 7)
    if (libc.sched_setaffinity(thread, CPU_SET_BYTES, mask.address) < 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `cpu ${cpu}: this process may not run there; taskset -p ${process.pid} shows where it may`,
      )
  } finally {
    mask.free()
  }
}

/** The n-th, from 0, of the processors that this process may use; the last where there are fewer. */
export function nthCpu(n: number): number {
  const allowed = allowedCpus(process.pid)
  return allowed[Math.min(n, allowed.length - 1)] as number
}

/**
 * The processors on which a process may run, those that are offline left out. Source: sched_getaffinity(2).
 * @param pid of the process; 0: the calling thread
 */
export function allowedCpus(pid: number): number[] {
  const mask = new NativeBuffer(CPU_SET_BYTES)
  try {
    check(libc.sched_getaffinity(pid, CPU_SET_BYTES, mask.address), 'reading the processors of the switch')
    return Array.from({ length: PROCESSORS }, (_, cpu) => cpu).filter(
      (cpu) => ((mask.bytes[cpu >> 3] as number) & (1 << (cpu & 7))) !== 0,
    )
  } finally {
    mask.free()
  }
}
