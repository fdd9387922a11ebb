/** UDP sockets of tunnels, without privilege. Source: udp(7), ip(7), ipv6(7), uapi/linux/udp.h and filter.h (6.12). */
import { networkInterfaces } from 'node:os'
import { RingferryError } from '../errors/errors.js'
import { EADDRINUSE, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { growBuffers, setSocketOption } from './socket-option.js'
import { addressText, familyOf, socketAddress } from './udp-address.js'

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26
const SO_MEMINFO = 55
const SOL_IP = 0
const IP_TTL = 2
const IP_MTU_DISCOVER = 10
const SOL_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const IPV6_MTU_DISCOVER = 23
const IPV6_V6ONLY = 26
const PMTUDISC_DONT = 0
const SOL_UDP = 17
const UDP_GRO = 104
/** Place of the dropped datagrams among the words of SO_MEMINFO. Source: uapi/linux/sock_diag.h. */
const MEMINFO_WORDS = 9
const MEMINFO_DROPS = 8
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
const AF_INET6 = 10

/** Room for the control message with the size of the segments of a datagram that the kernel joined: 16 + 4, rounded. */
export const UDP_CONTROL_BYTES = 24

let scratch: NativeBuffer | undefined
function memory(): NativeBuffer {
  scratch ??= new NativeBuffer(256)
  return scratch
}

function bindRefused(address: Uint8Array, port: number, error: number): RingferryError {
  const text = addressText(address)
  if (error === EADDRINUSE)
    return new RingferryError(
      'BUSY',
      `${text}, UDP port ${port}: another program or a vxlan device of the kernel uses it; stop it, or choose another udpPort`,
    )
  if (errnoName(error) === 'EADDRNOTAVAIL')
    return new RingferryError(
      'NOT_FOUND',
      `address ${text} is on no device of this machine; "ip addr" lists those that are`,
    )
  if (errnoName(error) === 'EACCES')
    return new RingferryError(
      'PERMISSION',
      `UDP port ${port}: ports below 1024 need CAP_NET_BIND_SERVICE; choose another udpPort`,
    )
  return new RingferryError('SYSCALL', `${text}, UDP port ${port}: cannot be bound (${errnoName(error)})`)
}

function openUdp(address: Uint8Array, port: number): number {
  const family = familyOf(address)
  const fd = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0)
    throw new RingferryError(
      'SYSCALL',
      `a UDP socket of ${addressText(address)} is refused (${errnoName(errno())})`,
    )
  if (family === AF_INET6) setSocketOption(fd, SOL_IPV6, IPV6_V6ONLY, 1)
  growBuffers(fd, SOCKET_BUFFER_BYTES)
  const name = socketAddress(address, port)
  memory().bytes.set(name, 0)
  if (libc.bind(fd, memory().address, name.length) === 0) return fd
  const error = errno()
  libc.close(fd)
  throw bindRefused(address, port, error)
}

/**
 * A non-blocking UDP socket that receives at an address. What the kernel has joined of a flow comes as one datagram.
 * Throws BUSY, NOT_FOUND (no device has the address), PERMISSION, SYSCALL.
 */
export function openUdpReceiver(address: Uint8Array, port: number): number {
  const fd = openUdp(address, port)
  // Linux before 5.0 joins nothing.
  setSocketOption(fd, SOL_UDP, UDP_GRO, 1)
  return fd
}

/** A classic BPF program of one instruction, BPF_RET | BPF_K with 0: nothing is received. */
function receiveNothing(fd: number): void {
  const { data, address } = memory()
  data.setUint16(0, 1, true)
  data.setBigUint64(8, BigInt(address + 16), true)
  data.setBigUint64(16, 6n, true)
  libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address, 16)
}

/**
 * A non-blocking UDP socket that only sends, from a port that the kernel chooses. Datagrams may be fragmented on their way,
 * as those of the kernel's tunnels may. Throws NOT_FOUND (no device has the address), SYSCALL.
 * @param ttl 1 to 255; undefined: the kernel's
 */
export function openUdpSender(address: Uint8Array, ttl: number | undefined): number {
  const fd = openUdp(address, 0)
  receiveNothing(fd)
  const isV6 = familyOf(address) === AF_INET6
  const level = isV6 ? SOL_IPV6 : SOL_IP
  setSocketOption(fd, level, isV6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, PMTUDISC_DONT)
  if (ttl !== undefined) setSocketOption(fd, level, isV6 ? IPV6_UNICAST_HOPS : IP_TTL, ttl)
  return fd
}

/** Datagrams that the kernel dropped since the socket was opened, mostly because it was not read fast enough; modulo 2^32. */
export function udpDrops(fd: number): number {
  const { address, data } = memory()
  data.setUint32(64, MEMINFO_WORDS * 4, true)
  if (libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, address, address + 64) < 0) return 0
  return data.getUint32(MEMINFO_DROPS * 4, true)
}

/** The name of the device of this network namespace that has an address, or undefined. @param address as people write it */
export function deviceOf(address: string): string | undefined {
  for (const [device, addresses = []] of Object.entries(networkInterfaces()))
    if (addresses.some((each) => each.address === address)) return device
  return undefined
}
