/**
 * Reference model of the whole switch for guests without offloads: rings, chains, bridge, backlog. It runs
 * on snapshots of guest memory, so after a step the real memory and the model's must be equal, byte by byte.
 *
 *   turn: for each port: backlog first, then at most BURST chains of what it transmits; then publish
 */
import {
  DROP_BAD_ADDRESS,
  DROP_BAD_CHAIN,
  DROP_BUFFER_TOO_SMALL,
  DROP_NOT_NEGOTIATED,
  DROP_RING_FULL,
  DROP_RUNT,
  DROP_TOO_LONG,
  MAX_FRAME_BYTES,
  MIN_FRAME_BYTES,
} from '../../src/core/layout.js'
import { type BridgePort, decide, TAG_TYPES } from './bridge.js'
import { type Buffer0, type ChainFault, readChain, type Snapshot, walkChain } from './chain.js'
import type { FdbModel } from './fdb.js'
import type { DeviceRing } from './vring.js'

/** Chains of one ring, and frames of one backlog, that a port may move before the next port's turn. */
const BURST = 64
const BACKLOG_BURST = 1024
/** A burst ends early after a chain that claims more: only broken ones do, at the sizes used here. */
const BURST_BYTES = 262144
const FAULTS: Record<ChainFault, number> = {
  'bad chain': DROP_BAD_CHAIN,
  'bad address': DROP_BAD_ADDRESS,
  'too long': DROP_TOO_LONG,
}

export interface ModelPort extends BridgePort {
  readonly rx: DeviceRing
  readonly tx: DeviceRing
  readonly headerBytes: 10 | 12
  readonly mergeable: boolean
  readonly perPacket: boolean
  readonly backlog: Uint8Array[]
  readonly drops: Map<number, number>
  /** Frames accepted from the guest, and delivered to it. */
  from: number
  to: number
}

/** Whether a frame is TCP over IPv4 or IPv6, behind up to two VLAN tags: only that waits for buffers. */
function isTcp(frame: Uint8Array): boolean {
  let at = 12
  const type = (): number => ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0)
  for (let tags = 0; tags < 2 && TAG_TYPES.includes(type()); tags++) at += 4
  if (at + 22 > frame.length) return false
  return (type() === 0x0800 && frame[at + 11] === 6) || (type() === 0x86dd && frame[at + 8] === 6)
}

export class SwitchModel {
  readonly ports: readonly ModelPort[]
  readonly fdb: FdbModel
  #callNow = false

  constructor(ports: readonly ModelPort[], fdb: FdbModel) {
    this.ports = ports
    this.fdb = fdb
  }

  /** Gives every port a new snapshot of its guest's memory. */
  load(snapshots: readonly Snapshot[]): void {
    for (const [index, port] of this.ports.entries())
      port.rx.memory = port.tx.memory = snapshots[index] as Snapshot
  }

  /** Turns until nothing moves. */
  run(nowS: number): void {
    let moved: number
    do {
      moved = 0
      for (const index of this.ports.keys()) {
        this.#callNow = false
        moved += this.#drain(this.ports[index] as ModelPort) + this.#transmit(index, nowS)
        for (const port of this.ports) for (const ring of [port.rx, port.tx]) ring.publish()
      }
    } while (moved > 0)
  }

  #drop(port: number, reason: number): void {
    const { drops } = this.ports[port] as ModelPort
    drops.set(reason, (drops.get(reason) ?? 0) + 1)
  }

  #drain(port: ModelPort): number {
    let moved = 0
    while (moved < BACKLOG_BURST && port.backlog.length > 0 && !this.#callNow) {
      if (!this.#deliver(port, port.backlog[0] as Uint8Array)) break
      port.backlog.shift()
      moved++
    }
    return moved
  }

  #transmit(index: number, nowS: number): number {
    const port = this.ports[index] as ModelPort
    const burst = Math.min(BURST, port.tx.waiting())
    let done = 0
    let claims = 0
    while (done < burst && !this.#callNow && claims <= BURST_BYTES) {
      claims = this.#take(index, port, nowS)
      port.tx.complete(0)
      done++
    }
    return done
  }

  /** Returns the bytes that the chain claims, as far as they matter for the length of a burst. */
  #take(index: number, port: ModelPort, nowS: number): number {
    const limit = port.headerBytes + MAX_FRAME_BYTES
    const chain = walkChain(port.tx.memory, port.tx.place, port.tx.head(), false, limit)
    const all = typeof chain === 'string' ? new Uint8Array(0) : readChain(port.tx.memory, chain)
    const reason =
      typeof chain === 'string'
        ? FAULTS[chain]
        : chain.bytes < port.headerBytes + MIN_FRAME_BYTES
          ? DROP_RUNT
          : (all[0] as number) & 1
            ? DROP_NOT_NEGOTIATED
            : undefined
    if (reason !== undefined) {
      this.#drop(index, reason)
      return reason === DROP_TOO_LONG ? Number.POSITIVE_INFINITY : 0
    }
    port.from++
    const frame = all.subarray(port.headerBytes)
    const verdict = decide(this.ports, this.fdb, index, frame, nowS)
    for (const { port: where, reason } of verdict.drops) this.#drop(where, reason)
    for (const { port: where, frame: out } of verdict.deliveries) {
      const target = this.ports[where] as ModelPort
      if (target.backlog.length === 0 && this.#deliver(target, out)) continue
      if (target.backlog.length > 0 || isTcp(out)) target.backlog.push(out)
      else this.#drop(where, DROP_RING_FULL)
    }
    return 0
  }

  /** Writes a frame into receive buffers. Returns false when it must wait for more of them. */
  #deliver(port: ModelPort, frame: Uint8Array): boolean {
    const need = port.headerBytes + frame.length
    const { rx } = port
    const chains: number[] = []
    const buffers: Buffer0[] = []
    let got = 0
    while (got < need) {
      if (chains.length > 0 && (!port.mergeable || chains.length === rx.place.size)) {
        this.#drop(this.ports.indexOf(port), DROP_BUFFER_TOO_SMALL)
        return true
      }
      if (chains.length === rx.waiting()) return false
      const chain = walkChain(rx.memory, rx.place, rx.head(chains.length), true, need - got)
      if (typeof chain === 'string') throw new Error(`receive chain: ${chain}`)
      const bytes = Math.min(chain.bytes, need - got)
      chains.push(bytes)
      buffers.push(...chain.buffers)
      got += bytes
    }
    const packet = new Uint8Array(need)
    if (port.headerBytes === 12) packet[10] = chains.length & 0xff
    if (port.headerBytes === 12) packet[11] = chains.length >> 8
    packet.set(frame, port.headerBytes)
    let at = 0
    for (const { address, bytes } of buffers) {
      rx.memory.u8.set(packet.subarray(at, at + bytes), address)
      at += bytes
    }
    for (const bytes of chains) rx.complete(bytes)
    port.to++
    if (port.perPacket && rx.publish()) this.#callNow = true
    return true
  }
}
