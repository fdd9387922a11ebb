/**
 * A tunnel to the switches of other hosts: Ethernet frames in UDP (VXLAN, RFC 7348), as the kernel's vxlan device and any
 * other VTEP has them. No privilege is needed.
 *
 *   frame for a MAC heard behind a peer ──> that peer          broadcast, multicast, unknown ──> every peer
 *   datagram of a peer ──> where its source MAC is, from now on ──> the bridge
 *
 * What came by the port never leaves by it again, so each host lists all others. Frames that are too long for the outer
 * device are dropped and counted; nothing is told to their senders. Where a tunnel arrives over a device that leaves
 * checksums to its receiver (veth), `ethtool -K DEVICE tx off` has its sender complete them.
 */
import { randomInt } from 'node:crypto'
import { Globals } from '../core/globals.js'
import {
  C_PEER_MOVES,
  C_UNLEARNED,
  DROP_UNKNOWN_PEER,
  G_FDB_AGE_S,
  G_NOW_S,
  MIN_FRAME_BYTES,
  NET_HEADER_BYTES,
  P_QUEUE_PAIRS,
} from '../core/layout.js'
import type { ReceiveBatch } from '../sys/message-batch.js'
import { deviceMtu } from '../sys/network-device.js'
import { addressText } from '../sys/udp-address.js'
import { deviceOf, openUdpSender } from '../sys/udp-socket.js'
import { closeFd } from '../sys/unix-socket.js'
import type { PreparedChange } from './change.js'
import type { PortConfig, VxlanConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import type { PortHost } from './port.js'
import { PeerAddresses } from './vxlan-addresses.js'
import { ALL_PEERS, VxlanOutput } from './vxlan-output.js'
import { VxlanPeers } from './vxlan-peers.js'
import { type TunnelMember, VxlanReceiver } from './vxlan-receiver.js'
import { readVxlan, type VxlanSettings } from './vxlan-settings.js'

/** What a tunnel adds to an IP packet: its Ethernet header, VXLAN, UDP, and IPv4 or IPv6. Bytes. */
const OVERHEAD_BYTES = { 4: 50, 16: 70 } as const
/** The IP packets that fit into a datagram whatever its device carries. */
const MAX_INNER_MTU_BYTES = 65_400
const DEFAULT_MAX_ADDRESSES = 4096
const MAC_BYTES = 6
/** In the first byte of an address. */
const GROUP_BIT = 1
/** The outer device is looked at, and an unreachable peer is told of, so often. */
const LOOK_EVERY_US = 1_000_000
const TELL_EVERY_US = 10_000_000

function placeOf({ local, udpPort }: VxlanSettings, vni: number): string {
  const address = addressText(local)
  return `${local.length === 4 ? address : `[${address}]`}:${udpPort} vni ${vni}`
}

export class VxlanPort extends DescriptorPort<VxlanConfig> {
  readonly #globals: Globals
  #settings: VxlanSettings
  readonly #peers: VxlanPeers
  #addresses: PeerAddresses
  readonly #writer: VxlanOutput
  readonly #member: TunnelMember
  #receiver: VxlanReceiver | undefined
  /** The outer device, and when it is looked at again. */
  #device: string | undefined
  #nextLookUs = 0
  /** Peers that the last datagram did not reach. */
  readonly #troubled = new Set<number>()
  #nextTellUs = 0
  readonly #blocked = (fd: number): void => this.block(fd)

  /** Throws a SettingError when a setting is wrong. */
  constructor(host: PortHost, index: number, config: VxlanConfig) {
    const settings = readVxlan(config)
    super(host, index, config, placeOf(settings, config.vni))
    this.#settings = settings
    this.#globals = new Globals(host.memory)
    this.#peers = new VxlanPeers(settings.udpPort, settings.local.length === 4)
    this.#peers.configure(settings.peers, settings.anyPeer)
    this.#addresses = this.#newTable()
    this.#writer = new VxlanOutput(this.row, this.output, this.#peers, config.vni, {
      destination: (at) => this.#destination(at),
      onResult: (peer, problem) => this.#onResult(peer, problem),
    })
    this.#member = {
      index,
      name: config.name,
      row: this.row,
      accept: (at, bytes, batch, slot) => this.#accept(at, bytes, batch, slot),
    }
  }

  #newTable(): PeerAddresses {
    return new PeerAddresses(this.config.maxAddresses ?? DEFAULT_MAX_ADDRESSES, randomInt(2 ** 32))
  }

  protected attach(): void {
    const { local, udpPort, sourcePorts } = this.#settings
    const receiver = VxlanReceiver.join(this.host, local, udpPort, this.config.vni, this.#member)
    const fds: number[] = []
    try {
      while (fds.length < sourcePorts) fds.push(openUdpSender(local, this.config.ttl))
    } catch (error) {
      for (const fd of fds) closeFd(fd)
      receiver.leave(this.config.vni)
      throw error
    }
    this.#receiver = receiver
    // Frames get the hash of their flow where there is more than one queue for them.
    this.row.set(P_QUEUE_PAIRS, fds.length)
    this.#followDevice()
    this.attached(fds, { takes: 0, sends: 0 })
    this.setLink(true)
  }

  protected override release(): void {
    super.release()
    this.#receiver?.leave(this.config.vni)
    this.#receiver = undefined
    this.#writer.reset()
  }

  protected override follow(): void {
    this.#receiver?.countDrops(this.#member)
    if (this.#globals.nowUs < this.#nextLookUs) return
    this.#nextLookUs = this.#globals.nowUs + LOOK_EVERY_US
    this.#followDevice()
  }

  /** Frames may be as long as the outer device carries them; a tag within is not counted, as everywhere. */
  #followDevice(): void {
    const { local } = this.#settings
    let outer = this.#device === undefined ? undefined : deviceMtu(this.#device)
    if (outer === undefined) {
      this.#device = deviceOf(addressText(local))
      outer = this.#device === undefined ? undefined : deviceMtu(this.#device)
    }
    const room = (outer ?? Number.POSITIVE_INFINITY) - OVERHEAD_BYTES[local.length as 4 | 16]
    this.row.setMtu(Math.min(room, MAX_INNER_MTU_BYTES, this.config.mtu ?? MAX_INNER_MTU_BYTES))
  }

  protected override adapt(config: VxlanConfig): () => void {
    readVxlan(config)
    return () => {}
  }

  override prepare(config: PortConfig): PreparedChange {
    const change = super.prepare(config)
    const commit = (): void => {
      change.commit()
      this.#reconfigure(change.settings)
    }
    return { ...change, commit }
  }

  #reconfigure(changed: PreparedChange['settings']): void {
    this.#settings = readVxlan(this.config)
    const { peers, anyPeer } = this.#settings
    for (const gone of this.#peers.configure(peers, anyPeer)) {
      this.#addresses.forget(gone)
      this.#troubled.delete(gone)
    }
    if (changed.includes('maxAddresses') || changed.includes('learnPeers')) this.#addresses = this.#newTable()
    this.#writer.reset()
    this.#followDevice()
  }

  protected readBurst(budget: number): number {
    return this.#receiver?.read(this.#member, budget) ?? 0
  }

  #accept(at: number, bytes: number, batch: ReceiveBatch, slot: number): boolean {
    const { memory, plane } = this.host
    let peer = this.#peers.sender(batch, slot)
    if (peer < 0 && this.#settings.anyPeer) peer = this.#peers.addSender(batch, slot)
    if (peer < 0) {
      this.row.countDrops(DROP_UNKNOWN_PEER, 1)
      return true
    }
    if (bytes >= MIN_FRAME_BYTES && this.#settings.learnPeers) this.#learn(at + MAC_BYTES, peer)
    const header = at - NET_HEADER_BYTES
    memory.u8.fill(0, header, at)
    return plane.ingest(this.index, header, NET_HEADER_BYTES + bytes, NET_HEADER_BYTES) !== 0
  }

  /** The oldest second in which an address must have been heard to be known: as the bridge's own table has it. */
  get #oldestS(): number {
    return this.#globals.get(G_NOW_S) - this.#globals.get(G_FDB_AGE_S)
  }

  /** @param at linear offset of a source address */
  #learn(at: number, peer: number): void {
    const { u8, data } = this.host.memory
    if (((u8[at] as number) & GROUP_BIT) !== 0) return
    const high = data.getUint16(at, true)
    const low = data.getUint32(at + 2, true)
    const heard = this.#addresses.hear(high, low, peer, this.#globals.get(G_NOW_S), this.#oldestS)
    if (heard === 'moved') this.row.count(C_PEER_MOVES)
    else if (heard === 'full') this.row.count(C_UNLEARNED)
  }

  #destination(at: number): number {
    const { u8, data } = this.host.memory
    if (((u8[at] as number) & GROUP_BIT) !== 0) return ALL_PEERS
    return this.#addresses.lookUp(data.getUint16(at, true), data.getUint32(at + 2, true), this.#oldestS)
  }

  #onResult(peer: number, problem: string | undefined): void {
    if (problem === undefined) {
      if (this.#troubled.size > 0) this.#troubled.delete(peer)
      return
    }
    if (this.#troubled.has(peer)) return
    this.#troubled.add(peer)
    const { nowUs } = this.#globals
    if (nowUs < this.#nextTellUs) return
    this.#nextTellUs = nowUs + TELL_EVERY_US
    this.host.report(
      this,
      'error',
      `peer ${this.#peers.text(peer)} cannot be reached (${problem}); frames to it are dropped meanwhile`,
    )
  }

  transmit(): number {
    return this.#writer.send(this.fds, this.#blocked)
  }

  override close(): void {
    super.close()
    this.#peers.close()
    this.#writer.close()
  }
}
