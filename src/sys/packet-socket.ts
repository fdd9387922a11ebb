/** AF_PACKET sockets. Source: packet(7) and uapi/linux/if_packet.h (6.12). */
import { RingferryError } from '../errors/errors.js'
import { EACCES, EPERM, errno, errnoName, libc } from './libc.js'
import type { ReceiveBatch } from './message-batch.js'
import { NativeBuffer } from './native-buffer.js'
import { writeDeviceName } from './network-device.js'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
/** ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x0300
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_MR_PROMISC = 1
const PACKET_RX_RING = 5
const PACKET_STATISTICS = 6
const PACKET_COPY_THRESH = 7
const PACKET_AUXDATA = 8
const PACKET_VERSION = 10
const TPACKET_V2 = 1
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const SIOCGIFINDEX = 0x8933
const IFREQ_VALUE = 16
const TP_STATUS_VLAN_VALID = 1 << 4
const TP_STATUS_VLAN_TPID_VALID = 1 << 6
const ETH_P_8021Q = 0x8100
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
/** Bytes that the kernel gets in one piece for a ring. */
const RING_BLOCK_BYTES = 65536

/** A ring of received frames. Its bytes are a multiple of 64 KB, which is one of a slot's. */
export interface PacketRingSizes {
  readonly slots: number
  readonly slotBytes: number
}

/**
 * A slot of a ring: where status (u32), the frame's bytes (u32), those of them that lie in the slot (u32), where it begins
 * (u16; the virtio-net header lies before) and the tag that was taken out (u32) are. Source: struct tpacket2_hdr.
 */
export const SLOT = { STATUS: 0, BYTES: 4, HAS_BYTES: 8, FRAME_AT: 12, TAG: 24 } as const
/** Its status: the kernel's; ours; the whole frame waits on the socket, too. */
export const SLOT_FREE = 0
export const SLOT_FULL = 1
export const SLOT_COPIED = 2

/** Room for the control message with a struct tpacket_auxdata that comes with each frame: 16 + 20 bytes, rounded. */
export const PACKET_CONTROL_BYTES = 40
/** Words of that control message: level and type, then status and tag of the auxdata. */
const CONTROL = { LEVEL: 2, TYPE: 3, STATUS: 4, TAG: 8 } as const

/** Bytes of the virtio-net header before each frame: without the count of merged buffers. */
export const PACKET_HEADER_BYTES = 10

let scratch: NativeBuffer | undefined
function memory(): NativeBuffer {
  scratch ??= new NativeBuffer(256)
  return scratch
}

function refuse(device: string, error: number): RingferryError {
  if (error === EPERM || error === EACCES)
    return new RingferryError(
      'PERMISSION',
      `device ${device}: a packet socket is not permitted; run as root or give CAP_NET_RAW and CAP_NET_ADMIN`,
    )
  return new RingferryError('SYSCALL', `device ${device}: a packet socket is refused (${errnoName(error)})`)
}

function setOption(fd: number, level: number, name: number, value: number): boolean {
  memory().data.setInt32(0, value, true)
  return libc.setsockopt(fd, level, name, memory().address, 4) === 0
}

function deviceIndex(fd: number, device: string): number {
  writeDeviceName(memory(), device)
  return libc.ioctl(fd, SIOCGIFINDEX, memory().address) < 0 ? 0 : memory().data.getInt32(IFREQ_VALUE, true)
}

/** Has the kernel put frames into a ring, and queue those whole that are longer than a slot. */
function addRing(fd: number, { slots, slotBytes }: PacketRingSizes): boolean {
  if (!setOption(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2)) return false
  if (!setOption(fd, SOL_PACKET, PACKET_COPY_THRESH, 1)) return false
  const { address, data } = memory()
  data.setUint32(0, RING_BLOCK_BYTES, true)
  data.setUint32(4, (slots * slotBytes) / RING_BLOCK_BYTES, true)
  data.setUint32(8, slotBytes, true)
  data.setUint32(12, slots, true)
  return libc.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, address, 16) === 0
}

function joinAndBind(fd: number, index: number): boolean {
  const { address, data, bytes } = memory()
  bytes.fill(0, 0, 32)
  data.setInt32(0, index, true)
  data.setUint16(4, PACKET_MR_PROMISC, true)
  if (libc.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, address, 16) < 0) return false
  bytes.fill(0, 0, 32)
  data.setUint16(0, AF_PACKET, true)
  data.setUint16(2, ALL_PROTOCOLS, true)
  data.setInt32(4, index, true)
  return libc.bind(fd, address, 20) === 0
}

/**
 * A non-blocking packet socket bound to a device: all frames that come in there, a 10-byte virtio-net header
 * before each, promiscuous, without what the host itself sends.
 * Throws USAGE (name), NOT_FOUND (no such device), PERMISSION, SYSCALL.
 * @param ring where frames are put, to be mapped at offset 0; none: they are queued
 */
export function openPacketSocket(
  device: string,
  ring?: PacketRingSizes,
): { readonly fd: number; readonly index: number } {
  writeDeviceName(memory(), device)
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) throw refuse(device, errno())
  const index = deviceIndex(fd, device)
  if (index === 0) {
    libc.close(fd)
    throw new RingferryError('NOT_FOUND', `device ${device} is not there; "ip link" lists the devices`)
  }
  // Larger buffers need CAP_NET_ADMIN; without it the default ones do, with more drops under load.
  setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)
  setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES)
  if (
    !setOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1) ||
    !setOption(fd, SOL_PACKET, PACKET_AUXDATA, 1) ||
    !setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) ||
    (ring !== undefined && !addRing(fd, ring)) ||
    !joinAndBind(fd, index)
  ) {
    const error = errno()
    libc.close(fd)
    throw refuse(device, error)
  }
  return { fd, index }
}

/** The error that a socket has to tell (its device went down or away), which it no longer does; 0: none. */
export function takeSocketError(fd: number): number {
  const { address, data } = memory()
  data.setUint32(16, 4, true)
  if (libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, address, address + 16) < 0) return errno()
  return data.getInt32(0, true)
}

/** Frames that the kernel dropped since the last call because the socket was not read fast enough. */
export function takeKernelDrops(fd: number): number {
  const { address, data } = memory()
  data.setUint32(16, 8, true)
  if (libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, address, address + 16) < 0) return 0
  return data.getUint32(4, true)
}

/** The VLAN tag (TPID << 16 | TCI) that a status and a word of tag tell of, or 0. */
export function tagOf(status: number, tag: number): number {
  if ((status & TP_STATUS_VLAN_VALID) === 0) return 0
  const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? tag >>> 16 : ETH_P_8021Q
  return ((tpid << 16) | (tag & 0xffff)) >>> 0
}

/** The VLAN tag that the kernel took out of the frame in a slot of a batch (TPID << 16 | TCI), or 0. */
export function takenTag(batch: ReceiveBatch, slot: number): number {
  if (batch.controlBytes(slot) < PACKET_CONTROL_BYTES - 4) return 0
  if (batch.control(slot, CONTROL.LEVEL) !== SOL_PACKET) return 0
  if (batch.control(slot, CONTROL.TYPE) !== PACKET_AUXDATA) return 0
  return tagOf(batch.control(slot, CONTROL.STATUS), batch.control(slot, CONTROL.TAG))
}
