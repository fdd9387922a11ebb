/**
 * The words by which a VMM attaches a NIC to a port: recipes for people and the guests of the lab say the same.
 * Measured with User-Mode Linux 6.1 and QEMU 7.2.
 */

/** What a NIC of QEMU hangs on. */
export type QemuLink =
  | {
      readonly type: 'vhost-user'
      /** The Unix socket. */
      readonly path: string
      /** QEMU listens and the switch connects. */
      readonly server?: boolean
      /** Seconds between attempts to connect again when the switch went away; 0 = never. */
      readonly reconnectS?: number
    }
  | { readonly type: 'stream'; readonly path: string; readonly server?: boolean }
  /** The switch's datagram socket, and the guest's own. */
  | { readonly type: 'dgram'; readonly path: string; readonly own: string }
  | { readonly type: 'tap'; readonly ifname: string }
  | { readonly type: 'vde'; readonly dir: string }

export interface QemuNic {
  readonly link: QemuLink
  readonly mac?: string | undefined
  /** Queue pairs; 1 needs no words. */
  readonly queues: number
  /** Device model. Default virtio. */
  readonly model?: 'virtio' | 'e1000' | undefined
  /** Properties of QEMU's virtio-net-pci. */
  readonly virtio?: Readonly<Record<string, string>> | undefined
}

type Properties = Readonly<Record<string, string | number | boolean | undefined>>

/** Properties of an option of QEMU, with their commas; what is undefined is left out. */
export function qemuProperties(entries: Properties): string {
  return Object.entries(entries)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `,${key}=${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}`)
    .join('')
}

function backend({ link, queues }: QemuNic, index: number): string[] {
  const multi = { queues: queues > 1 ? queues : undefined }
  switch (link.type) {
    case 'vhost-user': {
      const role = link.server ? { server: true, wait: false } : { reconnect: link.reconnectS || undefined }
      return [
        '-chardev',
        `socket,id=c${index},path=${link.path}${qemuProperties(role)}`,
        '-netdev',
        `vhost-user,id=n${index},chardev=c${index}${qemuProperties(multi)}`,
      ]
    }
    case 'stream': {
      const role = qemuProperties({ server: link.server ?? false })
      return ['-netdev', `stream,id=n${index}${role},addr.type=unix,addr.path=${link.path}`]
    }
    case 'dgram': {
      const local = `local.type=unix,local.path=${link.own}`
      return ['-netdev', `dgram,id=n${index},${local},remote.type=unix,remote.path=${link.path}`]
    }
    case 'tap':
      return [
        '-netdev',
        `tap,id=n${index},ifname=${link.ifname},script=no,downscript=no${qemuProperties(multi)}`,
      ]
    case 'vde':
      return ['-netdev', `vde,id=n${index},sock=${link.dir}`]
  }
}

/**
 * The arguments of qemu-system-x86_64 for a NIC. Without KVM its interrupts must not be MSI-X: QEMU 7.2 crashes at driver
 * start with vhost-user, hence vectors=0.
 * @param index of the NIC; @param kvm whether hardware virtualization is used
 */
export function qemuNic(nic: QemuNic, index: number, kvm: boolean): string[] {
  const common = qemuProperties({ netdev: `n${index}`, mac: nic.mac })
  if (nic.model === 'e1000') return [...backend(nic, index), '-device', `e1000${common}`]
  const multi = nic.queues > 1
  const vectors = kvm ? (multi ? 2 * nic.queues + 2 : undefined) : 0
  const properties = qemuProperties({ vectors, mq: multi || undefined, ...nic.virtio })
  return [...backend(nic, index), '-device', `virtio-net-pci${common}${properties}`]
}

/** The option of QEMU that makes a guest's memory a file which a switch can map: what `-numa` or `-machine` names `id`. */
export function qemuSharedMemory(id: string, size: string): string {
  return `memory-backend-memfd,id=${id},size=${size},share=on`
}

/** The argument of linux.uml for a NIC on a vhost-user socket. Source: Linux 6.1, arch/um/drivers/virtio_uml.c. */
export function umlVhostUser(path: string): string {
  return `virtio_uml.device=${path}:1`
}
