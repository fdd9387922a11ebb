import { check, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const EFD_NONBLOCK = 0x800
const EFD_CLOEXEC = 0x80000

let scratch: NativeBuffer | undefined

/** Where the value 1 (u64) lies for signalEventfd, and room for drainEventfd. */
function values(): NativeBuffer {
  if (!scratch) {
    scratch = new NativeBuffer(16)
    scratch.data.setBigUint64(0, 1n, true)
  }
  return scratch
}

/** A new eventfd (non-blocking, closed on exec). */
export function createEventfd(): number {
  return check(libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'creating an eventfd')
}

/** Adds 1 to an eventfd: one kick or one call. A full counter is no error: the other side is awake anyway. */
export function signalEventfd(fd: number): void {
  libc.write(fd, values().address, 8)
}

/** Empties an eventfd. Returns whether it had been signalled. */
export function drainEventfd(fd: number): boolean {
  return libc.read(fd, values().address + 8, 8) === 8
}
