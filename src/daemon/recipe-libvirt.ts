/**
 * libvirt's XML of a NIC on a vif. Source: libvirt, docs/formatdomain.rst (vhost-user interface, memory backing); a test
 * holds it against libvirt's schema.
 */
import type { PortConfig, VifConfig } from '../port/config.js'
import { type Described, NOT_RUN } from './recipe.js'
import { quote, shellQuote } from './shell-word.js'

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '"': '&quot;',
}

function attribute(name: string, value: string | number): string {
  return ` ${name}="${String(value).replace(/[&<"]/g, (letter) => ESCAPES[letter] ?? letter)}"`
}

/** The element `interface` of a domain. */
export function libvirtInterface({ socket, mode, mac, queues = 1 }: VifConfig): string {
  const path = attribute('path', socket)
  const source =
    mode === 'client'
      ? `  <source type="unix"${path} mode="server"/>`
      : `  <source type="unix"${path} mode="client">\n    <reconnect enabled="yes" timeout="1"/>\n  </source>`
  return [
    '<interface type="vhostuser">',
    ...(mac === undefined ? [] : [`  <mac${attribute('address', mac)}/>`]),
    source,
    '  <model type="virtio"/>',
    ...(queues === 1 ? [] : [`  <driver${attribute('queues', queues)}/>`]),
    '</interface>',
  ].join('\n')
}

export function libvirt(config: PortConfig): Described | undefined {
  if (config.kind !== 'vif') return undefined
  const file = shellQuote(`${config.name}.xml`)
  return {
    notes: [
      NOT_RUN,
      "The guest's memory must be shared: the first command, while the guest is off. libvirt's QEMU must be allowed to",
      'connect to the socket: socketGroup=libvirt-qemu on the port, and a folder that it may enter.',
    ],
    commands: [
      'virt-xml DOMAIN --edit --memorybacking source.type=memfd,access.mode=shared',
      `echo ${quote(libvirtInterface(config))} > ${file}`,
      `virsh attach-device DOMAIN ${file} --config`,
    ],
  }
}
