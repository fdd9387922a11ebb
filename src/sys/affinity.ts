import { RingferryError } from '../errors/errors.js'
import { libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

/** Bytes of a cpu_set_t. */
const SET_BYTES = 128

/** Binds the calling thread to one processor. Throws UNSUPPORTED when the thread may not run there. */
export function bindToCpu(cpu: number): void {
  const mask = new NativeBuffer(SET_BYTES)
  try {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= SET_BYTES * 8)
      throw new RingferryError('USAGE', `cpu ${cpu}: choose a number from 0 to ${SET_BYTES * 8 - 1}`)
    mask.bytes[cpu >> 3] = 1 << (cpu & 7)
    if (libc.sched_setaffinity(0, SET_BYTES, mask.address) < 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `cpu ${cpu}: this process may not run there; taskset -p ${process.pid} shows where it may`,
      )
  } finally {
    mask.free()
  }
}
