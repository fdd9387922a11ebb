import { RingferryError } from '../errors/errors.js'
import { EACCES, EPERM, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0x80000
const SIOCGIFNAME = 0x8910
const SIOCGIFFLAGS = 0x8913
const SIOCSIFFLAGS = 0x8914
const SIOCGIFMTU = 0x8921
const SIOCSIFMTU = 0x8922
const IFF_UP = 1
const IFF_RUNNING = 0x40
/** Longest device name in bytes. Source: uapi/linux/if.h, IFNAMSIZ less the zero. */
const MAX_DEVICE_NAME_BYTES = 15
/** struct ifreq: the name, then a union of which flags, MTU and index lie at its start. */
const IFREQ_VALUE = 16
const IFREQ_BYTES = 40

let scratch: NativeBuffer | undefined
function ifreq(): NativeBuffer {
  scratch ??= new NativeBuffer(IFREQ_BYTES)
  return scratch
}

/** Writes a device's name into a struct ifreq. Throws USAGE when no device can be named so. */
export function writeDeviceName(request: NativeBuffer, device: string): void {
  const bytes = Buffer.from(device)
  if (
    bytes.length === 0 ||
    bytes.length > MAX_DEVICE_NAME_BYTES ||
    /[\s/:%]/.test(device) ||
    /^\.\.?$/.test(device)
  )
    throw new RingferryError(
      'USAGE',
      `device "${device}": a network device's name has 1 to ${MAX_DEVICE_NAME_BYTES} bytes without space, "/", ":" or "%"; choose another`,
    )
  request.bytes.fill(0, 0, IFREQ_BYTES)
  request.bytes.set(bytes, 0)
}

/** Runs an ioctl on a struct ifreq through a socket of the current network namespace. Returns 0 or the negated errno. */
function deviceIoctl(request: number): number {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return -errno()
  const result = libc.ioctl(fd, request, ifreq().address) < 0 ? -errno() : 0
  libc.close(fd)
  return result
}

function refuse(device: string, what: string, error: number): RingferryError {
  if (error === EPERM || error === EACCES)
    return new RingferryError(
      'PERMISSION',
      `device ${device}: ${what} is not permitted; run as root or give CAP_NET_ADMIN`,
    )
  return new RingferryError('SYSCALL', `device ${device}: ${what} failed (${errnoName(error)})`)
}

/** Sets a device of the current network namespace up, unless it is. Throws PERMISSION, SYSCALL. */
export function bringUp(device: string): void {
  const request = ifreq()
  writeDeviceName(request, device)
  let result = deviceIoctl(SIOCGIFFLAGS)
  const flags = request.data.getUint16(IFREQ_VALUE, true)
  if (result === 0 && (flags & IFF_UP) === 0) {
    request.data.setUint16(IFREQ_VALUE, flags | IFF_UP, true)
    result = deviceIoctl(SIOCSIFFLAGS)
  }
  if (result < 0) throw refuse(device, 'setting it up', -result)
}

/**
 * Sets the MTU of a device of the current network namespace in bytes. Throws PERMISSION, SYSCALL.
 * @returns what it was
 */
export function setMtu(device: string, mtu: number): number {
  const request = ifreq()
  writeDeviceName(request, device)
  let result = deviceIoctl(SIOCGIFMTU)
  const before = request.data.getInt32(IFREQ_VALUE, true)
  request.data.setInt32(IFREQ_VALUE, mtu, true)
  if (result === 0) result = deviceIoctl(SIOCSIFMTU)
  if (result < 0) throw refuse(device, `setting its MTU to ${mtu}`, -result)
  return before
}

/** The MTU of a device of the current network namespace in bytes, or undefined without such a device. */
export function deviceMtu(device: string): number | undefined {
  const request = ifreq()
  writeDeviceName(request, device)
  return deviceIoctl(SIOCGIFMTU) < 0 ? undefined : request.data.getInt32(IFREQ_VALUE, true)
}

export type DeviceState = 'up' | 'down' | 'gone'

/**
 * Whether a device carries frames: up with a carrier, down, or gone from the socket's network namespace.
 * @param fd any socket of the device's namespace; @param index the device's number, which a new name does not change
 */
export function deviceState(fd: number, index: number): DeviceState {
  const request = ifreq()
  request.data.setInt32(IFREQ_VALUE, index, true)
  if (libc.ioctl(fd, SIOCGIFNAME, request.address) < 0) return 'gone'
  if (libc.ioctl(fd, SIOCGIFFLAGS, request.address) < 0) return 'gone'
  const flags = request.data.getUint16(IFREQ_VALUE, true)
  return (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0 ? 'up' : 'down'
}
