import { check, errno, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { O_NONBLOCK, openXenDevice } from './xen-device.js'

/** _IOC(_IOC_NONE, 'E', number, bytes of the argument). Source: Linux 6.1, include/uapi/xen/evtchn.h. */
const IOCTL_EVTCHN_BIND_INTERDOMAIN = 0x08_45_01
const IOCTL_EVTCHN_UNBIND = 0x04_45_03
const IOCTL_EVTCHN_NOTIFY = 0x04_45_04
const IOCTL_EVTCHN_RESET = 0x45_05
/** Where the numbers of pending channels, and of those to unmask, lie. */
const PORTS_AT = 16
const MAX_PORTS_READ = 256
const PORT_BYTES = 4
/** The kernel's buffer of events ran over: it wants to be reset. */
const EFBIG = 27

export const EVTCHN_PATH = '/dev/xen/evtchn'

/**
 * Event channels behind one handle of the kernel's device: the handle can be read while an event is pending. Making one
 * throws as openXenDevice().
 */
export class EventChannelDevice {
  readonly fd = openXenDevice(EVTCHN_PATH, O_NONBLOCK)
  readonly #memory = new NativeBuffer(PORTS_AT + MAX_PORTS_READ * PORT_BYTES)
  readonly #bound = new Set<number>()

  /** Connects to a channel that a domain offers to this one. Returns the local number. Throws SYSCALL. */
  bind(domain: number, remote: number): number {
    this.#memory.data.setUint32(0, domain, true)
    this.#memory.data.setUint32(4, remote, true)
    const local = check(
      libc.ioctl(this.fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, this.#memory.address),
      `binding event channel ${remote} of domain ${domain}`,
    )
    this.#bound.add(local)
    return local
  }

  notify(local: number): void {
    this.#memory.data.setUint32(0, local, true)
    libc.ioctl(this.fd, IOCTL_EVTCHN_NOTIFY, this.#memory.address)
  }

  /** Channels with an event; each is silent until unmask(). All of them when the kernel lost count. */
  pending(): readonly number[] {
    const { data, address } = this.#memory
    const bytes = libc.read(this.fd, address + PORTS_AT, MAX_PORTS_READ * PORT_BYTES)
    if (bytes < 0 && errno() === EFBIG) {
      libc.ioctl(this.fd, IOCTL_EVTCHN_RESET, 0)
      return [...this.#bound]
    }
    const ports: number[] = []
    for (let at = PORTS_AT; at < PORTS_AT + bytes; at += PORT_BYTES) ports.push(data.getUint32(at, true))
    return ports
  }

  /** Lets events of these channels through again. */
  unmask(locals: readonly number[]): void {
    const { data, address } = this.#memory
    for (let from = 0; from < locals.length; from += MAX_PORTS_READ) {
      const part = locals.slice(from, from + MAX_PORTS_READ)
      for (const [index, local] of part.entries()) data.setUint32(PORTS_AT + index * PORT_BYTES, local, true)
      libc.write(this.fd, address + PORTS_AT, part.length * PORT_BYTES)
    }
  }

  unbind(local: number): void {
    if (!this.#bound.delete(local)) return
    this.#memory.data.setUint32(0, local, true)
    libc.ioctl(this.fd, IOCTL_EVTCHN_UNBIND, this.#memory.address)
  }

  /** Unbinds all. */
  close(): void {
    libc.close(this.fd)
    this.#memory.free()
  }
}
