/**
 * Real rings: each port has a guest's memory in the linear memory, a virtio-net driver at its side, and the plane at the
 * other. Frames are real ones with the number of the model's frame in them; nothing of the plane is modelled. What is published
 * within a unit of work is hidden from the guest until its end, because the model's time stands still within it.
 */
import type { HoldLimits } from '../aggregation/hold-limits.js'
import { NATURAL_LIMITS } from '../aggregation/policy.js'
import { seedFdb } from '../core/fdb.js'
import { Globals } from '../core/globals.js'
import {
  ACTIVE_AT,
  C_CALLS,
  C_INGRESS_FRAMES,
  C_PUBLISHED_FRAMES,
  C_PUBLISHES,
  CALLS_AT,
  DROP_RING_FULL,
  G_ACTIVE,
  G_CALLS,
  G_FDB_AGE_S,
  G_FDB_LIMIT,
  G_HELD_US,
  G_WOKE_US,
  P_COUNTERS,
  P_DROPS,
  PORT_LINK,
  PORT_TRANSPARENT,
  PORT_TRUNK,
  R_COUNT,
  V_BACKLOG,
  V_FLAGS,
  VRING_ENABLED,
  VRING_EVENT_IDX,
  VRING_MERGEABLE,
  VRING_READY,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { PortRow, VLAN_BITMAP_BYTES } from '../core/port-row.js'
import { portOfVring, VringRow } from '../core/vring-row.js'
import { NetDriver } from '../driver/net-driver.js'
import { RingferryError } from '../errors/errors.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'
import { Fifo } from './fifo.js'
import { TCP, UDP, writeHead } from './frame-head.js'
import type { Frames } from './frames.js'
import { ModelledMemory } from './modelled-memory.js'
import type { DepthOfRings, Moved, OnPort } from './rings.js'

const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const BUFFER_BYTES = 2048
/** Room in a buffer for a frame beside its header. */
export const MOST_FRAME_BYTES = 2000
const NO_LISTS = { checks: 0, macs: [], ipv4: [], ipv6: [], learnNd: [] }
const NO_RATES = { checks: 0, buckets: [], toVm: false }
const SEED_WORDS = BigUint64Array.of(3n, 5n, 7n)
/** Addresses are learned before the start, and kept. */
const FOR_EVER_S = 1_000_000
const TCP_HEADER_WORDS = 0x50
const TCP_ACK = 0x10
const TCP_PUSH_ACK = 0x18
/** Where a frame has its number: behind Ethernet, IPv4 and TCP. */
const NUMBER_AT = 54

class PlanePort {
  readonly index: number
  readonly row: PortRow
  readonly driver: NetDriver<ModelledMemory>
  readonly isVm: boolean
  readonly size: number
  /** Frames in the transmit ring, and those that were forwarded to the port: which were dropped is seen when later ones come. */
  readonly transmit = new Fifo(1024)
  readonly coming = new Fifo(1024)
  publishedBefore = 0
  publishes = 0
  ingress = 0
  shown = 0
  isCalled = false

  constructor(memory: LinearMemory, index: number, size: number, isVm: boolean) {
    this.index = index
    this.isVm = isVm
    this.size = size
    this.row = new PortRow(memory, index)
    this.row.open(
      {
        name: `port ${index}`,
        flags: PORT_TRUNK | PORT_TRANSPARENT,
        nativeVlan: 0,
        vlans: new Uint8Array(VLAN_BITMAP_BYTES).fill(0xff),
        ...{ groups: 0, merge: 0, maxAddresses: 1024, mtu: undefined },
        ...{ guard: NO_LISTS, rates: NO_RATES, hold: NATURAL_LIMITS },
      },
      true,
    )
    const guest = new ModelledMemory(memory, 2 * size * BUFFER_BYTES)
    guest.grantTo(this.row)
    this.driver = new NetDriver(guest, { features: FEATURES, ringSize: size })
    this.driver.fillRx(BUFFER_BYTES)
    for (const [queue, ring] of this.driver.rings.entries()) {
      const vring = new VringRow(memory, index, queue)
      vring.place({
        desc: guest.at + ring.desc,
        avail: guest.at + ring.avail,
        used: guest.at + ring.used,
        ...{ size, headerBytes: this.driver.headerBytes },
      })
      if (vring.isReceive) vring.set(V_BACKLOG, this.row.ring)
      vring.set(V_FLAGS, VRING_READY | VRING_ENABLED | VRING_EVENT_IDX | VRING_MERGEABLE)
    }
    this.row.flag(PORT_LINK, true)
    this.driver.rx().armCalls()
  }

  counter(number: number): number {
    return this.row.get(P_COUNTERS + number * 8)
  }

  get hasBacklog(): boolean {
    return this.row.ring !== 0 && this.row.memory.u32[(this.row.ring + R_COUNT) >>> 2]! > 0
  }

  /** Frames whose publication may be seen, and that were not taken. */
  get visible(): number {
    return this.shown
  }
}

const made = new Uint8Array(BUFFER_BYTES)
const words = new DataView(made.buffer)

/** What the plane looks at beside addresses. Only TCP can be urgent. */
export interface FrameKind {
  readonly isTcp: boolean
  readonly isUrgent: boolean
}
const PLAIN: FrameKind = { isTcp: false, isUrgent: false }

/** A frame as it is on the wire, in memory that the next one takes. @param number of the model's frame */
export function frameBytes(
  from: number,
  to: number,
  bytes: number,
  { isTcp, isUrgent }: FrameKind,
  number: number,
): Uint8Array {
  writeHead(words, from, to, bytes, isTcp ? TCP : UDP)
  words.setUint8(46, isTcp ? TCP_HEADER_WORDS : 0)
  words.setUint8(47, isTcp ? (isUrgent ? TCP_PUSH_ACK : TCP_ACK) : 0)
  words.setUint32(NUMBER_AT, number)
  return made.subarray(0, bytes)
}

/** Ring sizes are powers of two. Source: virtio 1.3, 2.7. */
const powerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, size)))

/** Bytes of linear memory that a port with rings of this size takes. */
export function portMemoryBytes(size: number): number {
  return ModelledMemory.bytesFor(2 * powerOfTwo(size) * BUFFER_BYTES) + 2 ** 20
}

export class PlaneRings implements DepthOfRings {
  lateCalls = 0
  readonly #memory: LinearMemory
  readonly #plane: Plane
  readonly #globals: Globals
  readonly #frames: Frames
  /** By number, and those that there are. */
  readonly #ports: PlanePort[] = []
  readonly #list: PlanePort[] = []

  constructor(memory: LinearMemory, plane: Plane, frames: Frames) {
    this.#memory = memory
    this.#plane = plane
    this.#frames = frames
    this.#globals = new Globals(memory)
    seedFdb(memory.u64, SEED_WORDS)
    this.#globals.set(G_FDB_LIMIT, 1024)
    this.#globals.set(G_FDB_AGE_S, FOR_EVER_S)
    this.#globals.nowUs = 0
  }

  /** A port. @param size frames of each of its rings, made a power of two */
  add(index: number, size: number, isVm: boolean): void {
    const port = new PlanePort(this.#memory, index, powerOfTwo(size), isVm)
    this.#ports[index] = port
    this.#globals.setEntry(ACTIVE_AT, this.#list.length, index)
    this.#list.push(port)
    this.#globals.set(G_ACTIVE, this.#list.length)
  }

  /** All ports are there: the bridge learns where they are, and what that took is forgotten. */
  start(): void {
    for (const port of this.#list) {
      const { index } = port
      port.driver.enqueue(frameBytes(index, 0xff, 60, PLAIN, 0))
      port.driver.publish(1)
      this.#plane.poll(index, 1)
      for (const { driver } of this.#list) while (driver.receive());
      port.driver.reapTx()
    }
    this.#globals.set(G_CALLS, 0)
    for (const port of this.#list) {
      port.publishedBefore = port.counter(C_PUBLISHED_FRAMES)
      port.publishes = port.counter(C_PUBLISHES)
      port.ingress = port.counter(C_INGRESS_FRAMES)
      port.driver.rx().armCalls()
    }
  }

  setLimits(index: number, limits: HoldLimits): void {
    this.#ports[index]!.row.setHoldLimits(limits)
  }

  room(index: number): number {
    const { driver, size } = this.#ports[index]!
    driver.reapTx()
    return size - driver.inFlightTx()
  }

  send(index: number, frame: number): void {
    const port = this.#ports[index]!
    const { to, bytes, urgent, tcp } = this.#frames
    if (bytes[frame]! > MOST_FRAME_BYTES)
      throw new RingferryError(
        'CONFIG',
        `depth: rings carries frames up to ${MOST_FRAME_BYTES} bytes, not ${bytes[frame]}; take depth: counts`,
      )
    const kind = { isTcp: tcp[frame] === 1, isUrgent: urgent[frame] === 1 }
    const sent = frameBytes(index, to[frame]!, bytes[frame]!, kind, frame)
    if (!port.driver.enqueue(sent)) throw new Error(`port ${index} has no room for a frame`)
    port.driver.publish(1)
    port.transmit.push(frame)
  }

  hasWork(index: number): boolean {
    const port = this.#ports[index]!
    return port.transmit.size > 0 || port.hasBacklog
  }

  woke(nowUs: number): void {
    this.#globals.setF64(G_WOKE_US, nowUs)
  }

  pollEmpty(index: number, nowUs: number): void {
    this.#globals.nowUs = nowUs
    this.#plane.poll(index, 1)
  }

  poll(index: number, burst: number, nowUs: number, moved: Moved): void {
    const port = this.#ports[index]!
    this.#globals.nowUs = nowUs
    moved.work = this.#plane.poll(index, burst)
    const ingress = port.counter(C_INGRESS_FRAMES)
    for (let left = (ingress - port.ingress) >>> 0; left > 0; left--) {
      const frame = port.transmit.shift()
      moved.frames[moved.count++] = frame
      this.#ports[this.#frames.to[frame]!]!.coming.push(frame)
    }
    port.ingress = ingress
    this.#published(moved)
  }

  #published(moved: Moved): void {
    for (const port of this.#list) {
      const publishes = port.counter(C_PUBLISHES)
      if (port.isVm) moved.publications += (publishes - port.publishes) >>> 0
      port.publishes = publishes
    }
    const calls = this.#globals.get(G_CALLS)
    for (let at = 0; at < calls; at++) {
      const id = this.#globals.entry(CALLS_AT, at)
      const port = this.#ports[portOfVring(id)]!
      // The others are for frames that it sent.
      if ((id & 1) === 1 || port.isCalled) continue
      port.isCalled = true
      if (port.isVm) moved.calls++
    }
    this.#globals.set(G_CALLS, 0)
  }

  serveHeld(nowUs: number, moved: Moved): void {
    this.#globals.nowUs = nowUs
    this.#plane.serveHeld()
    this.#published(moved)
  }

  heldDueUs(): number {
    const us = this.#globals.getF64(G_HELD_US)
    return us >= 1e18 ? Number.POSITIVE_INFINITY : us
  }

  show(onCall: OnPort, onShown: OnPort, nowNs: number): void {
    for (const port of this.#list) {
      const { index } = port
      const published = port.counter(C_PUBLISHED_FRAMES)
      const fresh = (published - port.publishedBefore) >>> 0
      port.publishedBefore = published
      port.shown += fresh
      const isCalled = port.isCalled
      port.isCalled = false
      if (isCalled) onCall(index, nowNs)
      else if (fresh > 0) onShown(index, nowNs)
    }
  }

  receive(index: number): number {
    const port = this.#ports[index]!
    if (port.shown === 0) return -1
    const got = port.driver.receive()
    if (!got) throw new Error(`port ${index}: a published frame is not in its ring`)
    port.shown--
    const { frame } = got
    const number = new DataView(frame.buffer, frame.byteOffset).getUint32(NUMBER_AT)
    while (port.coming.size > 0) {
      const next = port.coming.shift()
      if (next === number) return number
      this.#frames.release(next)
    }
    throw new Error(`port ${index} has received frame ${number}, which was not sent to it`)
  }

  visible(index: number): number {
    return this.#ports[index]!.visible
  }

  arm(index: number): void {
    const port = this.#ports[index]!
    port.driver.rx().armCalls()
    if (port.isCalled || port.counter(C_PUBLISHED_FRAMES) === port.publishedBefore) return
    // It is published at the end of the unit, after this.
    port.isCalled = true
    if (!port.isVm) return
    this.lateCalls++
    port.row.set(P_COUNTERS + C_CALLS * 8, port.counter(C_CALLS) + 1)
  }

  drops(index: number): number {
    return this.#ports[index]!.row.get(P_DROPS + DROP_RING_FULL * 8)
  }
}
