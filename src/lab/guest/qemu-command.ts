import { qemuNic, qemuProperties, qemuSharedMemory } from '../../daemon/guest-nic.js'
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
  /** File descriptor of a disk with more programs, when it has one. */
  readonly diskFd?: number
}

function nicArguments(spec: GuestSpec, nic: NicSpec, index: number, kvm: boolean): string[] {
  const { transport, model, virtio } = nic
  if (transport.type === 'tuntap')
    throw new RingferryError(
      'UNSUPPORTED',
      `guest ${spec.name}: QEMU has no ${transport.type} NIC; use {type: "tap"}`,
    )
  return qemuNic(
    { link: transport, mac: macOf(spec, index), queues: nic.queues ?? 1, model, virtio },
    index,
    kvm,
  )
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
    ...['-object', qemuSharedMemory('memory', size)],
    ...['-name', spec.name, '-serial', `file:${paths.consoleLog}`],
    ...['-chardev', 'stdio,id=agent,signal=off'],
    ...['-device', `virtio-serial-pci${qemuProperties({ vectors: paths.kvm ? undefined : 0 })}`],
    ...['-device', 'virtserialport,chardev=agent,name=agent'],
    ...['-kernel', paths.kernel, '-initrd', paths.initramfs],
    ...['-append', ['console=ttyS0 quiet panic=-1 net.ifnames=0', ...(spec.kernelArguments ?? [])].join(' ')],
  ]
  if (paths.diskFd !== undefined)
    args.push(
      ...['-drive', `if=none,id=programs,file=/dev/fd/${paths.diskFd},format=raw,readonly=on`],
      ...[
        '-device',
        `virtio-blk-pci,drive=programs${qemuProperties({ vectors: paths.kvm ? undefined : 0 })}`,
      ],
    )
  for (const [index, nic] of (spec.nics ?? []).entries())
    args.push(...nicArguments(spec, nic, index, paths.kvm))
  return [...args, ...(spec.extraArguments ?? [])]
}

/**
 * The first program inside the initramfs.
 * @param diskFolder where the disk with more programs is mounted, when there is one
 */
export function qemuInitScript(name: string, modules: readonly string[], diskFolder?: string): string {
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
    ...(diskFolder ? [`mount -t ext4 -o ro /dev/vda ${diskFolder}`] : []),
    'ip link set dev lo up',
    // The port appears a moment after its driver, and can be opened once only.
    'until [ -e /dev/vport0p1 ]; do sleep 0.1; done',
    'sh /agent.sh /run/agent <>/dev/vport0p1 >&0',
    'echo o >/proc/sysrq-trigger',
    'sleep 60',
    '',
  ].join('\n')
}
