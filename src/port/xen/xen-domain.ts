import { memoryAddress } from '../../grants/memory-address.js'
import { EPOLLET, EPOLLIN } from '../../sys/epoll.js'
import { GrantTableDevice } from '../../sys/xen-gntdev.js'
import { XenbusDevice } from '../../sys/xenbus-device.js'
import type { GrantDevice } from '../../xen/devices.js'
import type { Port, PortHost } from '../port.js'
import { type VifSlot, XenBus } from './xen-bus.js'

const domains = new WeakMap<PortHost, XenDomain>()

/** What this domain is to Xen, for all ports of an engine: one grant device, one connection to xenstore. */
export class XenDomain {
  readonly #host: PortHost
  readonly #device: GrantTableDevice
  readonly #store: XenbusDevice
  readonly #bus: XenBus
  /** In the order in which they came; the first one's share of the engine pays for reading the store. */
  readonly #ports: (Port & VifSlot)[] = []
  #mayRead = true

  /** The one of an engine; made for its first port. Throws as openXenDevice(). */
  static of(host: PortHost): XenDomain {
    let domain = domains.get(host)
    if (!domain) {
      domain = new XenDomain(host)
      domains.set(host, domain)
    }
    return domain
  }

  private constructor(host: PortHost) {
    this.#host = host
    this.#device = new GrantTableDevice(memoryAddress(host.memory))
    try {
      this.#store = new XenbusDevice()
    } catch (error) {
      this.#device.close()
      throw error
    }
    this.#bus = new XenBus(this.#store, ({ backend, guest }) => {
      const port = this.#ports[0]
      const whose = guest === undefined ? '' : ` of guest ${guest}`
      if (port) host.report(port, 'refused', `no free xen port describes ${backend}${whose}`)
    })
    host.watch(this.#store.fd, EPOLLIN | EPOLLET, () => {
      this.#mayRead = true
      this.#ask()
    })
  }

  get grants(): GrantDevice {
    return this.#device
  }

  #ask(): void {
    const first = this.#ports[0]
    if (first) this.#host.request(first.index)
  }

  join(port: Port & VifSlot): void {
    this.#ports.push(port)
    this.#bus.add(port)
    this.#ask()
  }

  /** The port takes no vif any more; the one that it has stays connected. With the last port the devices are closed. */
  leave(port: Port & VifSlot): void {
    this.#bus.remove(port)
    const at = this.#ports.indexOf(port)
    if (at >= 0) this.#ports.splice(at, 1)
    this.#ask()
  }

  /** Closes the devices if no port is left. */
  closeIfUnused(): void {
    if (this.#ports.length > 0) return
    domains.delete(this.#host)
    this.#host.unwatch(this.#store.fd)
    this.#store.close()
    this.#device.close()
  }

  /** Takes one piece of what the store sent. Returns whether there may be more. */
  serve(port: Port): boolean {
    if (!this.#mayRead || port !== this.#ports[0]) return false
    this.#mayRead = false
    this.#mayRead = this.#bus.serve()
    return this.#mayRead
  }
}
