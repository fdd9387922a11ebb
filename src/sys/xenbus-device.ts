import { EAGAIN, EINTR, errno, libc, syscallError } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { O_NONBLOCK, openXenDevice } from './xen-device.js'

/** Header and the longest payload. Source: xen/include/public/io/xs_wire.h, XENSTORE_PAYLOAD_MAX. */
const MESSAGE_BYTES = 16 + 4096

export const XENBUS_PATH = '/dev/xen/xenbus'

/** A connection to xenstore by the kernel's device: reads do not wait. Making one throws as openXenDevice(). */
export class XenbusDevice {
  readonly fd = openXenDevice(XENBUS_PATH, O_NONBLOCK)
  readonly #memory = new NativeBuffer(MESSAGE_BYTES)

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
