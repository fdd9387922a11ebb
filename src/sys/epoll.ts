import { check, EINTR, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

export const EPOLLIN = 1
export const EPOLLOUT = 4
/** Tells of each change once, instead of for as long as a state lasts. */
export const EPOLLET = 0x80000000

const EPOLL_CLOEXEC = 0x80000
const ADD = 1
const DEL = 2
const MOD = 3
/** struct epoll_event is packed on x86-64 only. Source: uapi/linux/eventpoll.h, EPOLL_PACKED. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16
const DATA_OFFSET = EVENT_BYTES - 8
const MAX_EVENTS = 64

/** epoll with microsecond waits. File descriptors are their own user data. */
export class Epoll {
  readonly #fd: number
  readonly #memory = new NativeBuffer(MAX_EVENTS * EVENT_BYTES + 64)
  readonly #control = MAX_EVENTS * EVENT_BYTES
  readonly #timeout = MAX_EVENTS * EVENT_BYTES + 32
  readonly #timeoutAddress = this.#memory.address + this.#timeout

  constructor() {
    this.#fd = check(libc.epoll_create1(EPOLL_CLOEXEC), 'creating an epoll set')
  }

  #ctl(op: number, fd: number, events: number): number {
    const at = this.#control
    this.#memory.data.setUint32(at, events, true)
    this.#memory.data.setInt32(at + DATA_OFFSET, fd, true)
    this.#memory.data.setInt32(at + DATA_OFFSET + 4, 0, true)
    return libc.epoll_ctl(this.#fd, op, fd, this.#memory.address + at)
  }

  add(fd: number, events: number): void {
    check(this.#ctl(ADD, fd, events), `watching file descriptor ${fd}`)
  }

  modify(fd: number, events: number): void {
    check(this.#ctl(MOD, fd, events), `watching file descriptor ${fd}`)
  }

  /** Stops watching; a descriptor that is not watched is no error. */
  remove(fd: number): void {
    this.#ctl(DEL, fd, 0)
  }

  /**
   * Waits for events. Returns their number; read them with `fd(i)` and `events(i)` before the next call.
   * @param timeoutUs microseconds; 0 returns at once, below 0 waits without limit
   */
  wait(timeoutUs: number): number {
    const timeout = timeoutUs >= 0 ? this.#timeoutAddress : 0
    if (timeoutUs >= 0) {
      const seconds = Math.floor(timeoutUs / 1e6)
      this.#memory.data.setUint32(this.#timeout, seconds, true)
      this.#memory.data.setUint32(this.#timeout + 4, 0, true)
      this.#memory.data.setUint32(this.#timeout + 8, Math.round((timeoutUs - seconds * 1e6) * 1000), true)
      this.#memory.data.setUint32(this.#timeout + 12, 0, true)
    }
    const count = libc.epoll_pwait2(this.#fd, this.#memory.address, MAX_EVENTS, timeout, 0)
    if (count >= 0) return count
    const error = errno()
    if (error === EINTR) return 0
    if (errnoName(error) === 'ENOSYS') return this.#waitMs(timeoutUs)
    return check(count, 'waiting for events')
  }

  /** For kernels before 5.11, which have no epoll_pwait2. */
  #waitMs(timeoutUs: number): number {
    const timeoutMs = timeoutUs < 0 ? -1 : Math.ceil(timeoutUs / 1000)
    return Math.max(0, libc.epoll_wait(this.#fd, this.#memory.address, MAX_EVENTS, timeoutMs))
  }

  fd(index: number): number {
    return this.#memory.data.getInt32(index * EVENT_BYTES + DATA_OFFSET, true)
  }

  events(index: number): number {
    return this.#memory.data.getUint32(index * EVENT_BYTES, true)
  }

  close(): void {
    libc.close(this.#fd)
    this.#memory.free()
  }
}
