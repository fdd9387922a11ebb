import { check, errno, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const EFD_NONBLOCK = 0x800
const EFD_CLOEXEC = 0x80000
const POLLOUT = 4
/** Where struct pollfd lies in the scratch memory. */
const POLL_AT = 16

let scratch: NativeBuffer | undefined

/** Where the value 1 (u64) lies for signalEventfd, and room for drainEventfd. */
function values(): NativeBuffer {
  if (!scratch) {
    scratch = new NativeBuffer(POLL_AT + 8)
    scratch.data.setBigUint64(0, 1n, true)
  }
  return scratch
}

/** A new eventfd (non-blocking, closed on exec). */
export function createEventfd(): number {
  return check(libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'creating an eventfd')
}

/**
 * Adds 1 to an eventfd: one kick or one call. Returns 0, or an errno: EAGAIN for a full counter, which is no error (the
 * other side is awake anyway), EINTR when the write had blocked and was interrupted.
 */
export function signalEventfd(fd: number): number {
  return libc.write(fd, values().address, 8) === 8 ? 0 : errno()
}

/** Whether an eventfd can be signalled without waiting. */
export function canSignal(fd: number): boolean {
  const { data, address } = values()
  data.setInt32(POLL_AT, fd, true)
  data.setInt32(POLL_AT + 4, POLLOUT, true)
  return libc.poll(address + POLL_AT, 1, 0) === 1
}

/** Empties an eventfd. Returns whether it had been signalled. */
export function drainEventfd(fd: number): boolean {
  return libc.read(fd, values().address + 8, 8) === 8
}
