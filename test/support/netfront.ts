import { ModelXen } from '../../src/driver/xen/machine.js'
import { Netfront, type NetfrontOptions } from '../../src/driver/xen/netfront.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { NetifPort } from '../../src/port/xen/netif-port.js'
import type { FarSide } from './far-sides.js'

const machines = new WeakMap<Engine, ModelXen>()
let domains = 1

/** The modelled machine around an engine. */
export function xenOf(engine: Engine): ModelXen {
  const xen = machines.get(engine) ?? new ModelXen(engine.memory.u8)
  machines.set(engine, xen)
  return xen
}

/** A port of netif rings; nobody is connected. Port indices count from 0. */
export function addNetifPort(engine: Engine, name: string, settings: Partial<PortSettings> = {}): NetifPort {
  const xen = xenOf(engine)
  return engine.addPort(
    { kind: 'embedded', name, fd: -1, ...settings },
    (host, index, config) =>
      new NetifPort(host, index, config, { grants: xen.grants, channels: xen.openChannels() }),
  ) as NetifPort
}

/** A frontend of a domain of its own, connected to a port. */
export function connectNetfront(engine: Engine, port: NetifPort, options: NetfrontOptions = {}): Netfront {
  const xen = xenOf(engine)
  const front = new Netfront(xen, xen.addDomain(domains++), options)
  port.connect(front.published)
  return front
}

/** A modelled guest on a new port of netif rings. */
export function attachNetfront(
  engine: Engine,
  name: string,
  options: NetfrontOptions = {},
  settings: Partial<PortSettings> = {},
): { port: NetifPort; front: Netfront } {
  const port = addNetifPort(engine, name, settings)
  return { port, front: connectNetfront(engine, port, options) }
}

/** A modelled frontend as the far side of a port. */
export function netfrontSide(front: Netfront, pump: () => void): FarSide {
  return {
    send: (frame, header) => {
      for (let tries = 0; !front.send(frame, header); tries++) {
        if (tries === 10) throw new Error('the transmit ring is full')
        pump()
      }
    },
    receive: () => front.receive(),
    close: () => {},
  }
}
