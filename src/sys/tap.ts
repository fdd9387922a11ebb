/** TAP devices. Source: Documentation/networking/tuntap.rst and uapi/linux/if_tun.h (6.12). */
import { RingferryError } from '../errors/errors.js'
import { EACCES, EBUSY, ENOENT, EPERM, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { writeDeviceName } from './network-device.js'

const TUN_FILE = '/dev/net/tun'
const O_RDWR = 2
const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
const TUNSETIFF = 0x400454ca
const TUNSETOFFLOAD = 0x400454d0
const TUNSETVNETHDRSZ = 0x400454d8
const IFF_TAP = 2
const IFF_MULTI_QUEUE = 0x100
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
const IFREQ_FLAGS = 16
const HEADER_SIZE_AT = 64

const TUN_F = { CSUM: 1, TSO4: 2, TSO6: 4, TSO_ECN: 8, USO4: 0x20, USO6: 0x40 } as const
const TUN_TCP = TUN_F.CSUM | TUN_F.TSO4 | TUN_F.TSO6 | TUN_F.TSO_ECN
const TUN_ALL = TUN_TCP | TUN_F.USO4 | TUN_F.USO6

const POLLOUT = 4
const POLLERR = 8

/** Bytes of the virtio-net header before each frame. */
export const TAP_HEADER_BYTES = 12

export interface Tap {
  /** One descriptor a queue, non-blocking; the device goes with the last of them unless it is persistent. */
  readonly fds: readonly number[]
  /** What the kernel hands over and takes: nothing, TCP segmentation and checksums, or UDP segmentation too. */
  readonly offloads: 'none' | 'tcp' | 'tcp+udp'
}

let scratch: NativeBuffer | undefined
function memory(): NativeBuffer {
  scratch ??= new NativeBuffer(128)
  return scratch
}

function openRefused(error: number): RingferryError {
  if (error === ENOENT || errnoName(error) === 'ENODEV' || errnoName(error) === 'ENXIO')
    return new RingferryError(
      'NOT_FOUND',
      `${TUN_FILE} is not there; load the tun module (modprobe tun) or pass the device into the container`,
    )
  if (error === EPERM || error === EACCES)
    return new RingferryError(
      'PERMISSION',
      `${TUN_FILE}: opening it is not permitted; run as root or give CAP_NET_ADMIN`,
    )
  return new RingferryError('SYSCALL', `${TUN_FILE}: cannot be opened (${errnoName(error)})`)
}

function attachRefused(device: string, error: number): RingferryError {
  if (error === EPERM || error === EACCES)
    return new RingferryError(
      'PERMISSION',
      `TAP ${device}: making it is not permitted; run as root or give CAP_NET_ADMIN`,
    )
  if (error === EBUSY)
    return new RingferryError(
      'BUSY',
      `TAP ${device}: another program uses it; stop that program or choose another device`,
    )
  if (errnoName(error) === 'EINVAL')
    return new RingferryError(
      'BUSY',
      `TAP ${device}: a device of this name exists that is no TAP with as many queues; remove it or choose another`,
    )
  return new RingferryError('SYSCALL', `TAP ${device}: cannot be made (${errnoName(error)})`)
}

/** Opens one queue. Throws as openTap(). */
function openQueue(device: string, flags: number): number {
  const fd = libc.open(TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0)
  if (fd < 0) throw openRefused(errno())
  const { address, data } = memory()
  writeDeviceName(memory(), device)
  data.setUint16(IFREQ_FLAGS, flags, true)
  data.setInt32(HEADER_SIZE_AT, TAP_HEADER_BYTES, true)
  if (
    libc.ioctl(fd, TUNSETIFF, address) < 0 ||
    libc.ioctl(fd, TUNSETVNETHDRSZ, address + HEADER_SIZE_AT) < 0
  ) {
    const error = errno()
    libc.close(fd)
    throw attachRefused(device, error)
  }
  return fd
}

/**
 * Opens a TAP device with a 12-byte virtio-net header before each frame, making it unless it exists.
 * Throws USAGE (name), NOT_FOUND (no /dev/net/tun), PERMISSION, BUSY, SYSCALL, and leaves nothing behind.
 * @param offloads whether the kernel may hand over partial checksums and segments that are not cut yet
 */
export function openTap(device: string, queues: number, offloads: boolean): Tap {
  writeDeviceName(memory(), device)
  const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0)
  const fds: number[] = []
  try {
    while (fds.length < queues) fds.push(openQueue(device, flags))
  } catch (error) {
    for (const fd of fds) libc.close(fd)
    throw error
  }
  const first = fds[0] as number
  if (offloads && libc.ioctl(first, TUNSETOFFLOAD, TUN_ALL) === 0) return { fds, offloads: 'tcp+udp' }
  if (offloads && libc.ioctl(first, TUNSETOFFLOAD, TUN_TCP) === 0) return { fds, offloads: 'tcp' }
  libc.ioctl(first, TUNSETOFFLOAD, 0)
  return { fds, offloads: 'none' }
}

/**
 * Whether a TAP takes frames: set up, set down (by anybody, in whatever namespace it is now), or removed.
 * Source: Linux drivers/net/tun.c, tun_chr_poll: writable only while up, an error once unregistered.
 */
export function tapState(fd: number): 'up' | 'down' | 'gone' {
  const { address, data } = memory()
  data.setInt32(0, fd, true)
  data.setUint32(4, POLLOUT, true)
  libc.poll(address, 1, 0)
  const events = data.getUint16(6, true)
  if ((events & POLLERR) !== 0) return 'gone'
  return (events & POLLOUT) !== 0 ? 'up' : 'down'
}
