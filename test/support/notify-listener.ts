/** A service manager's end of the notification socket. */
import { check, libc } from '../../src/sys/libc.js'
import { NativeBuffer } from '../../src/sys/native-buffer.js'
import { bindUnix, closeFd, SOCK_DGRAM } from '../../src/sys/unix-socket.js'

const AF_UNIX = 1
const SOCK_NONBLOCK = 0x800
const MESSAGE_BYTES = 4096
const POLL_MS = 10

export class NotifyListener {
  readonly #fd: number
  readonly #memory = new NativeBuffer(MESSAGE_BYTES)
  /** All that was told so far. */
  readonly told: string[] = []

  /** @param address a path, or "@name" */
  constructor(address: string) {
    this.#fd = address.startsWith('@') ? this.#bindAbstract(address) : bindUnix(address, {}, SOCK_DGRAM)
  }

  #bindAbstract(address: string): number {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)
    const name = Buffer.from(`\x01\0\0${address.slice(1)}`)
    this.#memory.bytes.set(name)
    check(libc.bind(fd, this.#memory.address, name.length), 'binding')
    return fd
  }

  /** Takes what has come. */
  take(): readonly string[] {
    for (;;) {
      const length = libc.read(this.#fd, this.#memory.address, MESSAGE_BYTES)
      if (length < 0) return this.told
      this.told.push(Buffer.from(this.#memory.bytes.subarray(0, length)).toString())
    }
  }

  /** Waits for a message that begins so, after the first `after` of all. Returns how many came up to it. */
  async heard(start: string, after = 0): Promise<number> {
    for (;;) {
      const at = this.take().findIndex((text, index) => index >= after && text.startsWith(start))
      if (at >= 0) return at + 1
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  close(): void {
    closeFd(this.#fd)
    this.#memory.free()
  }
}
