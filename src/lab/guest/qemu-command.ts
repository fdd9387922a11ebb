import { RingferryError } from '../../errors/errors.js'
import { macOf } from './nic.js'
import type { GuestSpec, NicSpec } from './spec.js'

export interface QemuPaths {
  readonly kernel: string
  readonly initramfs: string
  /** Where the kernel's console goes. */
  readonly consoleLog: string
  /** Hardware virtualization can be used. */
  readonly kvm: boolean
}

function properties(entries: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(entries)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `,${key}=${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}`)
    .join('')
}

function backend(spec: GuestSpec, nic: NicSpec, index: number): string[] {
  const { transport } = nic
  const queues = nic.queues !== undefined && nic.queues > 1 ? nic.queues : undefined
  switch (transport.type) {
    case 'vhost-user': {
      const role = transport.server
        ? { server: true, wait: false }
        : { reconnect: transport.reconnectS || undefined }
      return [
        '-chardev',
        `socket,id=c${index},path=${transport.path}${properties(role)}`,
        '-netdev',
        `vhost-user,id=n${index},chardev=c${index}${properties({ queues })}`,
      ]
    }
    case 'stream':
      return [
        '-netdev',
        `stream,id=n${index},server=${transport.server ? 'on' : 'off'},addr.type=unix,addr.path=${transport.path}`,
      ]
    case 'tap':
      return [
        '-netdev',
        `tap,id=n${index},ifname=${transport.ifname},script=no,downscript=no${properties({ queues })}`,
      ]
    case 'vde':
      return ['-netdev', `vde,id=n${index},sock=${transport.dir}`]
    default:
      throw new RingferryError(
        'UNSUPPORTED',
        `guest ${spec.name}: QEMU has no ${transport.type} NIC; use {type: "tap"}`,
      )
  }
}

/**
 * The device of a NIC. Without KVM its interrupts must not be MSI-X: QEMU 7.2 crashes at driver start with
 * vhost-user, hence vectors=0.
 */
function device(spec: GuestSpec, nic: NicSpec, index: number, kvm: boolean): string {
  const common = `,netdev=n${index},mac=${macOf(spec, index)}`
  if (nic.model === 'e1000') return `e1000${common}`
  const multi = nic.queues !== undefined && nic.queues > 1
  const vectors = kvm ? (multi ? 2 * (nic.queues ?? 1) + 2 : undefined) : 0
  return `virtio-net-pci${common}${properties({ vectors, mq: multi || undefined, ...nic.virtio })}`
}

/**
 * Arguments of qemu-system-x86_64. The kernel prints to a file by the serial line; the agent has a
 * virtio-serial port on standard input and output (an emulated UART lost bytes of long output).
 * Guest memory is a sparse memory file that a switch can map.
 */
export function qemuArguments(spec: GuestSpec, paths: QemuPaths): string[] {
  const size = `${spec.memoryMb ?? 256}M`
  const args = [
    ...['-accel', paths.kvm ? 'kvm' : 'tcg', '-machine', 'q35,memory-backend=memory', '-cpu', 'max'],
    ...['-smp', String(spec.cpus ?? 1), '-m', size, '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-object', `memory-backend-memfd,id=memory,size=${size},share=on`],
    ...['-name', spec.name, '-serial', `file:${paths.consoleLog}`],
    ...['-chardev', 'stdio,id=agent,signal=off'],
    ...['-device', `virtio-serial-pci${properties({ vectors: paths.kvm ? undefined : 0 })}`],
    ...['-device', 'virtserialport,chardev=agent,name=agent'],
    ...['-kernel', paths.kernel, '-initrd', paths.initramfs],
    ...['-append', ['console=ttyS0 quiet panic=-1 net.ifnames=0', ...(spec.kernelArguments ?? [])].join(' ')],
  ]
  for (const [index, nic] of (spec.nics ?? []).entries())
    args.push(...backend(spec, nic, index), '-device', device(spec, nic, index, paths.kvm))
  return [...args, ...(spec.extraArguments ?? [])]
}

/** The first program inside the initramfs. */
export function qemuInitScript(name: string, modules: readonly string[]): string {
  return [
    '#!/bin/busybox sh',
    '/bin/busybox --install -s /busybox',
    'export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/busybox HOME=/tmp TMPDIR=/tmp',
    'mount -t devtmpfs devtmpfs /dev',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mount -t tmpfs tmpfs /tmp',
    'mount -t tmpfs tmpfs /run',
    `echo ${name} >/proc/sys/kernel/hostname`,
    `for module in ${modules.join(' ')}; do insmod /modules/$module.ko; done`,
    'ip link set dev lo up',
    // The port appears a moment after its driver, and can be opened once only.
    'until [ -e /dev/vport0p1 ]; do sleep 0.1; done',
    'sh /agent.sh /run/agent <>/dev/vport0p1 >&0',
    'echo o >/proc/sysrq-trigger',
    'sleep 60',
    '',
  ].join('\n')
}
