/**
 * Queued frames on their way into a tunnel. The VXLAN header is written before each frame, over the end of its virtio-net
 * header, which a tunnel has no use for. A flooded frame goes to every peer (head-end replication); segments of a flow go
 * to their peer as one message, which the kernel cuts.
 *
 *   oldest record -> | peer 1 | peer 2 | peer 3 |   next records, of one flow -> | one message for peer 2 |
 *
 * A batch is built anew from the oldest record each time: what remembers a call that did not take all is how many peers
 * have that record (#served).
 */
import { flowHash, frameBytes } from '../core/byte-ring.js'
import { C_REPLICATED, DROP_HOST_ERROR, DROP_NO_LINK, RECORD_FRAME } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { PortRow } from '../core/port-row.js'
import { memoryAddress } from '../grants/memory-address.js'
import { DatagramBatch } from '../sys/datagram-batch.js'
import { EAGAIN, EINTR, errnoName } from '../sys/libc.js'
import type { HostOutput } from './host-output.js'
import type { VxlanPeers } from './vxlan-peers.js'
import { VXLAN_BYTES, VXLAN_I_FLAG } from './vxlan-receiver.js'

const BATCH = 128
/** Most calls of a turn. */
const MAX_CALLS = 8
/** A destination: all peers. */
export const ALL_PEERS = -1

/** What the output asks its port. */
export interface TunnelRoutes {
  /** The peer behind which the frame's destination is, or ALL_PEERS. @param at linear offset of the frame */
  destination(at: number): number
  /** A peer did not get a datagram, or got one. */
  onResult(peer: number, problem: string | undefined): void
}

export class VxlanOutput {
  readonly #memory: LinearMemory
  readonly #row: PortRow
  readonly #output: HostOutput
  readonly #peers: VxlanPeers
  readonly #routes: TunnelRoutes
  readonly #vni: number
  readonly #batch = new DatagramBatch(BATCH)
  /** Of each message: its peer, and the records that are done with it. */
  readonly #to = new Int16Array(BATCH)
  readonly #done = new Uint16Array(BATCH)
  /** Peers that have got the oldest record, which goes to all. */
  #served = 0
  /** Records that go alone because the kernel did not take them as one message. */
  #single = 0
  #mayJoin = true

  constructor(row: PortRow, output: HostOutput, peers: VxlanPeers, vni: number, routes: TunnelRoutes) {
    this.#memory = row.memory
    this.#row = row
    this.#output = output
    this.#peers = peers
    this.#vni = vni
    this.#routes = routes
  }

  /** Forgets what it knew of the oldest record: the records, or the peers, are others now. */
  reset(): void {
    this.#served = 0
    this.#single = 0
  }

  /**
   * Sends what is queued. Returns the records done; `blocked` is called with a socket that takes no more.
   * @param fds sockets that differ in their source port: a flow has one of them
   */
  send(fds: readonly number[], blocked: (fd: number) => void): number {
    let records = 0
    for (let calls = 0; calls < MAX_CALLS && this.#output.count > 0; calls++) {
      const fd = this.#fill(fds)
      if (this.#batch.count === 0) {
        // There is no peer to flood to.
        this.#row.countDrops(DROP_NO_LINK, 1)
        this.#output.pop(1)
        continue
      }
      const sent = this.#batch.send(fd)
      if (sent >= 0) {
        for (let message = 0; message < sent; message++) records += this.#finish(message, undefined)
        continue
      }
      if (-sent === EINTR) continue
      if (-sent === EAGAIN) {
        blocked(fd)
        break
      }
      records += this.#refuse(-sent)
    }
    return records
  }

  /** Deals with the first message of the batch, which the kernel did not take. Returns the records done. */
  #refuse(error: number): number {
    const pieces = this.#batch.pieces(0)
    const name = errnoName(error)
    if (pieces === 1) {
      this.#row.countDrops(DROP_HOST_ERROR, 1)
      return this.#finish(0, name)
    }
    // A device without checksum offload takes no joined messages at all (EIO, before Linux 6.11).
    if (name === 'EIO') this.#mayJoin = false
    else this.#single = pieces
    return 0
  }

  #finish(message: number, problem: string | undefined): number {
    const done = this.#done[message] as number
    this.#routes.onResult(this.#to[message] as number, problem)
    if (done === 0) {
      this.#served++
      this.#row.count(C_REPLICATED)
      return 0
    }
    this.#served = 0
    this.#single = Math.max(0, this.#single - done)
    this.#output.pop(done)
    return done
  }

  /** Puts the oldest records of one socket into the batch. Returns the socket. */
  #fill(fds: readonly number[]): number {
    const batch = this.#batch
    const count = this.#output.count
    batch.clear()
    let record = this.#output.first()
    const fd = this.#socketOf(record, fds)
    for (let taken = 0; taken < count && !batch.isFull; taken++) {
      if (taken > 0) {
        record = this.#output.next(record)
        if (this.#socketOf(record, fds) !== fd) break
      }
      const peer = this.#routes.destination(record + RECORD_FRAME)
      this.#writeHeader(record)
      if (peer !== ALL_PEERS) this.#unicast(record, peer, taken)
      else if (!this.#flood(record, taken)) break
    }
    return fd
  }

  #socketOf(record: number, fds: readonly number[]): number {
    return fds[fds.length > 1 ? flowHash(this.#memory, record) % fds.length : 0] as number
  }

  #writeHeader(record: number): void {
    const { data } = this.#memory
    const at = record + RECORD_FRAME - VXLAN_BYTES
    data.setUint32(at, VXLAN_I_FLAG << 24, false)
    data.setUint32(at + 4, this.#vni << 8, false)
  }

  #unicast(record: number, peer: number, taken: number): void {
    const batch = this.#batch
    const at = memoryAddress(this.#memory) + record + RECORD_FRAME - VXLAN_BYTES
    const bytes = VXLAN_BYTES + frameBytes(this.#memory, record)
    const last = batch.count - 1
    // A message that leaves its record for other peers to get is joined by none: it would end too early.
    const mayJoin = this.#mayJoin && taken >= this.#single && last >= 0 && this.#to[last] === peer
    if (mayJoin && this.#done[last] === batch.pieces(last) && batch.join(at, bytes)) {
      this.#done[last] = batch.pieces(last)
      return
    }
    batch.add(this.#peers.name(peer), this.#peers.nameBytes, at, bytes)
    this.#to[last + 1] = peer
    this.#done[last + 1] = 1
  }

  /** Adds a message for each peer that has not got the record. Returns whether all of them fit. */
  #flood(record: number, taken: number): boolean {
    const batch = this.#batch
    const peers = this.#peers.flooded
    const at = memoryAddress(this.#memory) + record + RECORD_FRAME - VXLAN_BYTES
    const bytes = VXLAN_BYTES + frameBytes(this.#memory, record)
    if (peers.length === 0) return false
    for (let index = taken === 0 ? this.#served : 0; index < peers.length; index++) {
      if (batch.isFull) return false
      const peer = peers[index] as number
      const message = batch.count
      batch.add(this.#peers.name(peer), this.#peers.nameBytes, at, bytes)
      this.#to[message] = peer
      this.#done[message] = index === peers.length - 1 ? 1 : 0
    }
    return true
  }

  close(): void {
    this.#batch.close()
  }
}
