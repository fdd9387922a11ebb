import { libc } from '../../dist/sys/libc.js'
import { NativeBuffer } from '../../dist/sys/native-buffer.js'

/** Pins the calling thread to one processor. */
export function pinThread(cpu) {
  const mask = new NativeBuffer(128)
  mask.data.setUint32((cpu >> 5) * 4, 1 << (cpu & 31), true)
  if (libc.sched_setaffinity(0, 128, mask.address) !== 0) throw new Error(`cannot pin to processor ${cpu}`)
  mask.free()
}
