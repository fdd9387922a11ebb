/**
 * The UDP socket on which tunnels receive: one for all ports of an engine with the same address and UDP port, each of
 * which has a network (VNI) of its own.
 *
 *   | flags: I, 8 bits | reserved, 24 | VNI, 24 | reserved, 8 | Ethernet frame |
 *
 * Source: RFC 7348, 5. Bits that are reserved are ignored.
 */
import { DROP_BAD_TUNNEL, DROP_HOST_ERROR, DROP_WRONG_VNI } from '../core/layout.js'
import type { PortRow } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import { EPOLLIN } from '../sys/epoll.js'
import { EAGAIN, EINTR } from '../sys/libc.js'
import type { ReceiveBatch } from '../sys/message-batch.js'
import { addressText, SOCKET_ADDRESS_BYTES } from '../sys/udp-address.js'
import { openUdpReceiver, UDP_CONTROL_BYTES, udpDrops } from '../sys/udp-socket.js'
import { closeFd } from '../sys/unix-socket.js'
import { DatagramInput } from './datagram-input.js'
import { MAX_READ_BYTES } from './host-output.js'
import type { PortHost } from './port.js'

/** Bytes of the VXLAN header. */
export const VXLAN_BYTES = 8
/** The flag that says that there is a VNI. */
export const VXLAN_I_FLAG = 0x08
const VNI_AT = 4
/** Word of the control message with the size of joined segments. */
const SEGMENT_BYTES_WORD = 4
/** Reads refused in a row before the turn ends. */
const MAX_REFUSALS = 16

/** A port that receives by the socket. */
export interface TunnelMember {
  readonly index: number
  readonly name: string
  readonly row: PortRow
  /**
   * One datagram of its network. @param at linear offset of its frame, before which a virtio-net header may be written
   * @returns false when the burst has cost enough
   */
  accept(at: number, bytes: number, batch: ReceiveBatch, slot: number): boolean
}

const receivers = new WeakMap<PortHost, Map<string, VxlanReceiver>>()

export class VxlanReceiver {
  readonly #host: PortHost
  readonly #key: string
  readonly #fd: number
  readonly #input: DatagramInput
  readonly #members = new Map<number, TunnelMember>()
  /** The member that the engine has read the socket. */
  #reader: TunnelMember
  #lastVni = -1
  #lastMember: TunnelMember | undefined
  #drops = 0

  private constructor(
    host: PortHost,
    key: string,
    address: Uint8Array,
    udpPort: number,
    reader: TunnelMember,
  ) {
    this.#host = host
    this.#key = key
    this.#reader = reader
    this.#fd = openUdpReceiver(address, udpPort)
    try {
      this.#input = new DatagramInput(host, reader.name, UDP_CONTROL_BYTES, SOCKET_ADDRESS_BYTES)
    } catch (error) {
      closeFd(this.#fd)
      throw error
    }
    host.watch(this.#fd, EPOLLIN, () => host.wake(this.#reader.index))
  }

  /**
   * The receiver of an address and UDP port, with one more member. Throws BUSY when the VNI or the port is taken,
   * NOT_FOUND, PERMISSION, SYSCALL, UNSUPPORTED.
   */
  static join(
    host: PortHost,
    address: Uint8Array,
    udpPort: number,
    vni: number,
    member: TunnelMember,
  ): VxlanReceiver {
    const key = `${addressText(address)} ${udpPort}`
    const all = receivers.get(host) ?? new Map<string, VxlanReceiver>()
    receivers.set(host, all)
    const receiver = all.get(key) ?? new VxlanReceiver(host, key, address, udpPort, member)
    const holder = receiver.#members.get(vni)
    if (holder)
      throw new RingferryError(
        'BUSY',
        `port ${member.name}: VNI ${vni} at ${addressText(address)} is port ${holder.name}'s; choose another vni or udpPort`,
      )
    all.set(key, receiver)
    receiver.#members.set(vni, member)
    return receiver
  }

  /** A member goes; with the last one the socket does. */
  leave(vni: number): void {
    this.#members.delete(vni)
    this.#lastVni = -1
    const [next] = this.#members.values()
    if (next) {
      this.#reader = next
      return
    }
    receivers.get(this.#host)?.delete(this.#key)
    this.#host.unwatch(this.#fd)
    closeFd(this.#fd)
    this.#input.close()
  }

  /** Counts what the kernel has dropped. @param member who asks */
  countDrops(member: TunnelMember): void {
    if (member !== this.#reader) return
    const drops = udpDrops(this.#fd)
    member.row.countDrops(DROP_HOST_ERROR, (drops - this.#drops) >>> 0)
    this.#drops = drops
  }

  /** Reads up to about `budget` frames for all members. @param member who was woken */
  read(member: TunnelMember, budget: number): number {
    if (member !== this.#reader) return 0
    let frames = 0
    let readBytes = 0
    let refusals = 0
    while (frames < budget && readBytes < MAX_READ_BYTES) {
      const wanted = this.#input.wanted(budget - frames, readBytes)
      const got = this.#input.receive(this.#fd, wanted)
      if (got < 0) {
        if (-got === EAGAIN) break
        // Anything else is an error of a datagram that was sent before: nothing to be done about it here.
        if (-got !== EINTR && ++refusals >= MAX_REFUSALS) break
        continue
      }
      for (let slot = 0; slot < got; slot++) {
        const bytes = this.#input.batch.bytes(slot)
        const taken = this.#split(slot, bytes)
        readBytes += taken > 0 ? bytes : MAX_READ_BYTES
        frames += Math.abs(taken)
      }
      if (got < wanted) break
    }
    return Math.min(frames, budget)
  }

  /** Cuts what the kernel joined. Returns the datagrams, negative when the burst has cost enough. */
  #split(slot: number, bytes: number): number {
    const joined = this.#input.batch.controlBytes(slot) > 0
    const size = joined ? this.#input.batch.control(slot, SEGMENT_BYTES_WORD) & 0xffff : bytes
    let count = 0
    let more = true
    for (let at = 0; at < bytes || count === 0; at += Math.max(size, 1)) {
      count++
      more = this.#take(this.#input.at(slot) + at, Math.min(size, bytes - at), slot) && more
    }
    return more ? count : -count
  }

  /** Hands a datagram to the port of its network. */
  #take(at: number, bytes: number, slot: number): boolean {
    const { u8, data } = this.#host.memory
    if (bytes < VXLAN_BYTES || ((u8[at] as number) & VXLAN_I_FLAG) === 0) {
      this.#reader.row.countDrops(DROP_BAD_TUNNEL, 1)
      return true
    }
    const vni = data.getUint32(at + VNI_AT, false) >>> 8
    if (vni !== this.#lastVni) {
      this.#lastVni = vni
      this.#lastMember = this.#members.get(vni)
    }
    if (this.#lastMember)
      return this.#lastMember.accept(at + VXLAN_BYTES, bytes - VXLAN_BYTES, this.#input.batch, slot)
    this.#reader.row.countDrops(DROP_WRONG_VNI, 1)
    return true
  }
}
