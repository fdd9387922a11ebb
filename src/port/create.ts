import type { PortConfig } from './config.js'
import { DgramPort } from './dgram.js'
import { PacketPort } from './packet.js'
import type { Port, PortHost } from './port.js'
import { StreamPort } from './stream.js'
import { TapPort } from './tap.js'
import { Vif } from './virtio/vif.js'
import { VxlanPort } from './vxlan.js'
import { XenPort } from './xen/xen-port.js'

/** Makes a port, which is not open yet. */
export type PortMaker = (host: PortHost, index: number, config: PortConfig) => Port

/** Makes the port that a configuration describes; it is not open yet. */
export function createPort(host: PortHost, index: number, config: PortConfig): Port {
  switch (config.kind) {
    case 'vif':
    case 'embedded':
      return new Vif(host, index, config)
    case 'tap':
      return new TapPort(host, index, config)
    case 'packet':
      return new PacketPort(host, index, config)
    case 'stream':
      return new StreamPort(host, index, config)
    case 'dgram':
      return new DgramPort(host, index, config)
    case 'vxlan':
      return new VxlanPort(host, index, config)
    case 'xen':
      return new XenPort(host, index, config)
  }
}
