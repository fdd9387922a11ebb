/** A service manager's end of the notification socket, with its store of descriptors. */
import { check, libc } from '../../src/sys/libc.js'
import { NativeBuffer } from '../../src/sys/native-buffer.js'
import { bindUnix, closeFd, receiveWithFds, SOCK_DGRAM } from '../../src/sys/unix-socket.js'

const AF_UNIX = 1
const SOCK_NONBLOCK = 0x800
const MESSAGE_BYTES = 4096
const POLL_MS = 10
const POLLERR = 8
const POLLHUP = 16

export class NotifyListener {
  readonly #fd: number
  readonly #memory = new NativeBuffer(MESSAGE_BYTES)
  /** All that was told so far. */
  readonly told: string[] = []
  /** What lies in the store, oldest first. */
  readonly #store: { readonly name: string; readonly fd: number }[] = []

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
      const received = receiveWithFds(this.#fd, MESSAGE_BYTES)
      if (!received) return this.told
      const text = Buffer.from(received.bytes).toString()
      this.told.push(text)
      const [, name] = /^FDNAME=(.*)$/m.exec(text) ?? []
      if (/^FDSTORE=1$/m.test(text) && name) this.#store.push(...received.fds.map((fd) => ({ name, fd })))
      else for (const fd of received.fds) closeFd(fd)
      if (/^FDSTOREREMOVE=1$/m.test(text)) this.#remove((each) => each.name === name)
    }
  }

  #remove(goes: (each: { readonly name: string; readonly fd: number }) => boolean): void {
    for (const each of this.#store.filter(goes)) {
      closeFd(each.fd)
      this.#store.splice(this.#store.indexOf(each), 1)
    }
  }

  /** What lies in the store now; what nobody holds the other end of has gone. */
  stored(): readonly { readonly name: string; readonly fd: number }[] {
    this.take()
    this.#remove(({ fd }) => {
      this.#memory.data.setInt32(0, fd, true)
      this.#memory.data.setInt32(4, 0, true)
      libc.poll(this.#memory.address, 1, 0)
      return (this.#memory.data.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0
    })
    return this.#store
  }

  /** Waits for a message that begins so, after the first `after` of all. Returns how many came up to it. */
  async heard(start: string, after = 0): Promise<number> {
    for (;;) {
      const at = this.take().findIndex((text, index) => index >= after && text.startsWith(start))
      if (at >= 0) return at + 1
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Closes all that is in the store, as for a service that is stopped. */
  empty(): void {
    this.take()
    this.#remove(() => true)
  }

  close(): void {
    this.empty()
    closeFd(this.#fd)
    this.#memory.free()
  }
}
