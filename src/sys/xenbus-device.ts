import { EAGAIN, EINTR, errno, libc, syscallError } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const O_RDWR = 2
const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
/** Header and the longest payload. Source: xen/include/public/io/xs_wire.h, XENSTORE_PAYLOAD_MAX. */
const MESSAGE_BYTES = 16 + 4096

export const XENBUS_PATH = '/dev/xen/xenbus'

/** A connection to xenstore by the kernel's device: reads do not wait. */
export class XenbusDevice {
  readonly fd: number
  readonly #memory = new NativeBuffer(MESSAGE_BYTES)

  /** Throws NOT_FOUND where there is no Xen, PERMISSION without root. */
  constructor() {
    this.fd = libc.open(XENBUS_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0)
    if (this.fd >= 0) return
    const error = errno()
    this.#memory.free()
    throw syscallError(error, `opening ${XENBUS_PATH}, by which Xen's toolstack is followed`)
  }

  /** What has come, or undefined when nothing has. Valid until the next call. Throws SYSCALL. */
  read(): Uint8Array | undefined {
    const count = libc.read(this.fd, this.#memory.address, MESSAGE_BYTES)
    if (count > 0) return this.#memory.bytes.subarray(0, count)
    const error = count < 0 ? errno() : 0
    if (count === 0 || error === EAGAIN || error === EINTR) return undefined
    throw syscallError(error, `reading ${XENBUS_PATH}`)
  }

  /** Sends one message: the kernel takes one by each call. Throws SYSCALL. */
  write(message: Uint8Array): void {
    this.#memory.bytes.set(message)
    while (libc.write(this.fd, this.#memory.address, message.length) < 0) {
      const error = errno()
      if (error !== EINTR) throw syscallError(error, `writing to ${XENBUS_PATH}`)
    }
  }

  close(): void {
    libc.close(this.fd)
    this.#memory.free()
  }
}
