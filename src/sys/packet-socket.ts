/**
 * AF_PACKET sockets and batches of messages on them. Structures are written once; a batch costs one call
 * and no allocation. Source: packet(7) and uapi/linux/if_packet.h (6.12).
 */
import { RingferryError } from '../errors/errors.js'
import { EACCES, EPERM, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { writeDeviceName } from './network-device.js'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
/** ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x0300
const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_MR_PROMISC = 1
const PACKET_STATISTICS = 6
const PACKET_AUXDATA = 8
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const SIOCGIFINDEX = 0x8933
const IFREQ_VALUE = 16
const TP_STATUS_VLAN_VALID = 1 << 4
const TP_STATUS_VLAN_TPID_VALID = 1 << 6
const ETH_P_8021Q = 0x8100
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
const MSG_DONTWAIT = 0x40

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
 */
export function openPacketSocket(device: string): { readonly fd: number; readonly index: number } {
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
    !joinAndBind(fd, index)
  ) {
    const error = errno()
    libc.close(fd)
    throw refuse(device, error)
  }
  return { fd, index }
}

/** Frames that the kernel dropped since the last call because the socket was not read fast enough. */
export function takeKernelDrops(fd: number): number {
  const { address, data } = memory()
  data.setUint32(16, 8, true)
  if (libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, address, address + 16) < 0) return 0
  return data.getUint32(4, true)
}

// struct mmsghdr in u32 words: a msghdr (56 bytes), the message's length, padding.
const MMSG_WORDS = 16
const M_IOV = 4
const M_IOV_COUNT = 6
const M_CONTROL = 8
const M_CONTROL_BYTES = 10
const M_BYTES = 14
/** struct iovec in words. */
const IOV_WORDS = 4
/** A control message with a struct tpacket_auxdata: 16 + 20 bytes, rounded. */
const CONTROL_BYTES = 40
const CONTROL_WORDS = 10

/** Stores a 64-bit address as two words; the typed array takes the low 32 bits by itself. */
function storeAddress(words: Uint32Array, at: number, address: number): void {
  words[at] = address
  words[at + 1] = address / 0x1_0000_0000
}

/** Messages received by one call, each into its own slot of memory. */
export class ReceiveBatch {
  readonly slots: number
  readonly #memory: NativeBuffer
  readonly #words: Uint32Array
  readonly #control: number

  /** @param addresses where each slot begins; @param slotBytes room of each */
  constructor(addresses: readonly number[], slotBytes: number) {
    this.slots = addresses.length
    const iovAt = this.slots * MMSG_WORDS
    this.#control = iovAt + this.slots * IOV_WORDS
    this.#memory = new NativeBuffer((this.#control + this.slots * CONTROL_WORDS) * 4)
    this.#words = new Uint32Array(this.#memory.bytes.buffer)
    const words = this.#words
    for (const [slot, address] of addresses.entries()) {
      const message = slot * MMSG_WORDS
      const iov = iovAt + slot * IOV_WORDS
      storeAddress(words, iov, address)
      words[iov + 2] = slotBytes
      storeAddress(words, message + M_IOV, this.#memory.address + iov * 4)
      words[message + M_IOV_COUNT] = 1
      storeAddress(
        words,
        message + M_CONTROL,
        this.#memory.address + (this.#control + slot * CONTROL_WORDS) * 4,
      )
    }
  }

  /** Receives up to `count` messages. Returns how many, or the negated errno. */
  receive(fd: number, count: number): number {
    const most = Math.min(count, this.slots)
    for (let slot = 0; slot < most; slot++) this.#words[slot * MMSG_WORDS + M_CONTROL_BYTES] = CONTROL_BYTES
    const got = libc.recvmmsg(fd, this.#memory.address, most, MSG_DONTWAIT, 0)
    return got < 0 ? -errno() : got
  }

  /** Bytes of the message in a slot. */
  bytes(slot: number): number {
    return this.#words[slot * MMSG_WORDS + M_BYTES] as number
  }

  /** The VLAN tag that the kernel took out of the frame in a slot (TPID << 16 | TCI), or 0. */
  tag(slot: number): number {
    if ((this.#words[slot * MMSG_WORDS + M_CONTROL_BYTES] as number) < CONTROL_BYTES - 4) return 0
    const at = this.#control + slot * CONTROL_WORDS
    if (this.#words[at + 2] !== SOL_PACKET || this.#words[at + 3] !== PACKET_AUXDATA) return 0
    const status = this.#words[at + 4] as number
    if ((status & TP_STATUS_VLAN_VALID) === 0) return 0
    const tag = this.#words[at + 8] as number
    const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? tag >>> 16 : ETH_P_8021Q
    return ((tpid << 16) | (tag & 0xffff)) >>> 0
  }

  close(): void {
    this.#memory.free()
  }
}

/** Messages sent by one call, each of a header and a frame that lie apart. */
export class SendBatch {
  readonly capacity: number
  readonly #memory: NativeBuffer
  readonly #words: Uint32Array
  readonly #iov: number
  #count = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#iov = capacity * MMSG_WORDS
    this.#memory = new NativeBuffer((this.#iov + capacity * 2 * IOV_WORDS) * 4)
    this.#words = new Uint32Array(this.#memory.bytes.buffer)
    for (let message = 0; message < capacity; message++) {
      const iov = this.#iov + message * 2 * IOV_WORDS
      storeAddress(this.#words, message * MMSG_WORDS + M_IOV, this.#memory.address + iov * 4)
      this.#words[message * MMSG_WORDS + M_IOV_COUNT] = 2
    }
  }

  /** Messages added since the last send. */
  get count(): number {
    return this.#count
  }

  add(headerAddress: number, headerBytes: number, frameAddress: number, frameBytes: number): void {
    const iov = this.#iov + this.#count++ * 2 * IOV_WORDS
    storeAddress(this.#words, iov, headerAddress)
    this.#words[iov + 2] = headerBytes
    storeAddress(this.#words, iov + 4, frameAddress)
    this.#words[iov + 6] = frameBytes
  }

  /** Sends what was added and forgets it. Returns how many messages went, or the negated errno of the first. */
  send(fd: number): number {
    const count = this.#count
    this.#count = 0
    const sent = libc.sendmmsg(fd, this.#memory.address, count, MSG_DONTWAIT)
    return sent < 0 ? -errno() : sent
  }

  close(): void {
    this.#memory.free()
  }
}
