/**
 * Rings as counts: where a frame lies is a queue of numbers. When a batch ends is asked of the plane (holdReason), whose rows
 * hold what a batch has; the counters and histograms that controller and meters read are kept in the same rows.
 */

import { type HoldLimits, NO_LIMIT } from '../aggregation/hold-limits.js'
import { NATURAL_LIMITS } from '../aggregation/policy.js'
import { RING_BYTES } from '../core/byte-ring.js'
import { Globals, portAt } from '../core/globals.js'
import { record } from '../core/histogram.js'
import {
  C_CALLS,
  C_CROWDED,
  C_EGRESS_BURSTS,
  C_EGRESS_URGENT_BURSTS,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  C_POLLS,
  C_PUBLISHED_BYTES,
  C_PUBLISHED_FRAMES,
  C_PUBLISHES,
  DROP_RING_FULL,
  HISTOGRAM_BUCKETS,
  P_COUNTERS,
  P_DROPS,
  P_HISTOGRAM_HOLD,
  P_HISTOGRAM_QUEUE,
  P_HISTOGRAM_TOTAL,
  REASON_BYTES,
  REASON_FRAMES,
  REASON_HOLD,
  RECORD_FRAME,
  V_AVAIL,
  V_HELD_BYTES,
  V_HELD_FIRST,
  V_HELD_FRAMES,
  V_HELD_LAST,
  V_HELD_URGENT,
  V_SIZE,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { PortRow } from '../core/port-row.js'
import { VringRow } from '../core/vring-row.js'
import { Fifo } from './fifo.js'
import type { Frames } from './frames.js'
import type { DepthOfRings, Moved } from './rings.js'

/** The flag of an available ring whose guest polls. Source: virtio 1.3, 2.7.6. */
const NO_INTERRUPT = 1
/** Bytes that a frame takes of a backlog, which has RING_BYTES. */
const recordBytes = (frameBytes: number): number => (RECORD_FRAME + frameBytes + 15) & ~15
const RECEIVE = 0

/** One port. */
class CountedPort {
  readonly index: number
  readonly isVm: boolean
  readonly size: number
  readonly row: PortRow
  readonly ring: VringRow
  readonly transmit = new Fifo(1024)
  readonly held = new Fifo(1024)
  /** Published in the present unit of work, not to be seen yet. */
  readonly published = new Fifo(1024)
  readonly shown = new Fifo(1024)
  readonly backlog = new Fifo(1024)
  readonly avail: number
  readonly histograms: readonly Uint32Array[]
  maxFrames = NATURAL_LIMITS.maxFrames
  maxBytes = NATURAL_LIMITS.maxBytes
  watchesUrgency = false
  polledUs = 0
  heldBytes = 0
  backlogBytes = 0
  isDirty = false
  isListed = false
  isCalled = false
  /** Bursts of the open batch: when, after which wait, how many. */
  readonly burstUs: number[] = []
  readonly burstQueueUs: number[] = []
  readonly burstFrames: number[] = []

  constructor(memory: LinearMemory, index: number, size: number, isVm: boolean) {
    this.index = index
    this.isVm = isVm
    this.size = size
    this.row = new PortRow(memory, index)
    this.ring = new VringRow(memory, index, RECEIVE)
    this.ring.identify()
    this.ring.set(V_SIZE, size)
    new VringRow(memory, index, 1).set(V_SIZE, size)
    this.avail = memory.allocate(4096)
    this.ring.set(V_AVAIL, this.avail)
    this.histograms = [P_HISTOGRAM_HOLD, P_HISTOGRAM_QUEUE, P_HISTOGRAM_TOTAL].map((field) =>
      this.row.words(field, HISTOGRAM_BUCKETS),
    )
  }

  get room(): number {
    return this.size - this.held.size - this.published.size - this.shown.size
  }
}

export class CountedRings implements DepthOfRings {
  readonly #memory: LinearMemory
  readonly #plane: Plane
  readonly #globals: Globals
  readonly #frames: Frames
  readonly #ports: CountedPort[] = []
  readonly #dirty: CountedPort[] = []
  readonly #listed: CountedPort[] = []
  readonly #changed: CountedPort[] = []
  lateCalls = 0
  #wokeUs = 0
  #nowUs = 0
  #queueUs = 0
  #callNow = false
  #moved: Moved | undefined

  constructor(memory: LinearMemory, plane: Plane, frames: Frames) {
    this.#memory = memory
    this.#plane = plane
    this.#globals = new Globals(memory)
    this.#frames = frames
  }

  /** A port, in the order of their numbers. @param size frames of each of its rings */
  add(size: number, isVm: boolean): void {
    const port = new CountedPort(this.#memory, this.#ports.length, size, isVm)
    this.#ports.push(port)
    this.setLimits(port.index, NATURAL_LIMITS)
    this.arm(port.index)
  }

  start(): void {}

  setLimits(index: number, limits: HoldLimits): void {
    const port = this.#ports[index]!
    port.row.setHoldLimits(limits)
    port.maxFrames = limits.maxFrames
    port.maxBytes = limits.maxBytes
    // The plane looks at the kind of a frame only where it matters.
    port.watchesUrgency = limits.urgentPublish && limits.holdUs > 0
  }

  #count({ row }: CountedPort, counter: number, by: number): void {
    const words = row.memory.u32
    const at = (row.at + counter) >>> 2
    const low = words[at]! + by
    words[at] = low
    if (low >= 2 ** 32) words[at + 1]!++
  }

  #add(port: CountedPort, counter: number, by = 1): void {
    this.#count(port, P_COUNTERS + counter * 8, by)
  }

  room(index: number): number {
    const { size, transmit } = this.#ports[index]!
    return size - transmit.size
  }

  send(index: number, frame: number): void {
    this.#ports[index]!.transmit.push(frame)
  }

  hasWork(index: number): boolean {
    const port = this.#ports[index]!
    return port.transmit.size > 0 || (port.backlog.size > 0 && port.room > 0)
  }

  woke(nowUs: number): void {
    this.#wokeUs = nowUs
  }

  pollEmpty(index: number, nowUs: number): void {
    this.#ports[index]!.polledUs = nowUs
  }

  poll(index: number, burst: number, nowUs: number, moved: Moved): void {
    const port = this.#ports[index]!
    this.#begin(nowUs, moved)
    while (port.backlog.size > 0 && port.room > 0) {
      const frame = port.backlog.shift()
      port.backlogBytes -= recordBytes(this.#frames.bytes[frame]!)
      this.#append(port, frame)
      moved.work++
    }
    this.#queueUs = nowUs - Math.max(port.polledUs, this.#wokeUs)
    port.polledUs = nowUs
    const { transmit, size } = port
    const waiting = transmit.size
    if (waiting > 0) {
      this.#add(port, C_POLLS)
      if (waiting > size - (size >> 3)) this.#add(port, C_CROWDED)
    }
    const { to, bytes } = this.#frames
    for (let left = Math.min(burst, waiting); left > 0 && !this.#callNow; left--) {
      const frame = transmit.shift()
      moved.frames[moved.count++] = frame
      moved.work++
      this.#add(port, C_INGRESS_FRAMES)
      this.#add(port, C_INGRESS_BYTES, bytes[frame]!)
      this.#deliver(this.#ports[to[frame]!]!, frame)
    }
    this.#endBurst()
  }

  #begin(nowUs: number, moved: Moved): void {
    this.#nowUs = nowUs
    this.#globals.nowUs = nowUs
    this.#moved = moved
    this.#callNow = false
  }

  #deliver(port: CountedPort, frame: number): void {
    if (port.backlog.size === 0 && port.room > 0) {
      this.#append(port, frame)
      return
    }
    if (port.held.size > 0) this.#endBatch(port)
    const bytes = recordBytes(this.#frames.bytes[frame]!)
    if (port.backlogBytes + bytes <= RING_BYTES) {
      port.backlog.push(frame)
      port.backlogBytes += bytes
    } else {
      this.#count(port, P_DROPS + DROP_RING_FULL * 8, 1)
      this.#frames.release(frame)
    }
  }

  #append(port: CountedPort, frame: number): void {
    const { ring, burstUs, burstFrames } = port
    const nowUs = this.#nowUs
    if (port.held.size === 0) ring.setF64(V_HELD_FIRST, nowUs)
    port.held.push(frame)
    port.heldBytes += this.#frames.bytes[frame]!
    ring.set(V_HELD_FRAMES, port.held.size)
    ring.set(V_HELD_BYTES, port.heldBytes)
    ring.setF64(V_HELD_LAST, nowUs)
    const last = burstUs.length - 1
    if (last >= 0 && burstUs[last] === nowUs) burstFrames[last]!++
    else {
      burstUs.push(nowUs)
      port.burstQueueUs.push(this.#queueUs)
      burstFrames.push(1)
      this.#add(port, C_EGRESS_BURSTS)
    }
    if (port.watchesUrgency && this.#frames.urgent[frame] === 1 && ring.get(V_HELD_URGENT) === 0) {
      ring.set(V_HELD_URGENT, 1)
      this.#add(port, C_EGRESS_URGENT_BURSTS)
    }
    if (port.maxFrames !== NO_LIMIT || port.maxBytes !== NO_LIMIT) {
      const reason = this.#plane.holdReason(port.index, RECEIVE)
      if (reason === REASON_FRAMES || reason === REASON_BYTES) {
        this.#endBatch(port)
        return
      }
    }
    if (!port.isDirty) {
      port.isDirty = true
      this.#dirty.push(port)
    }
  }

  #endBurst(): void {
    for (const port of this.#dirty) {
      port.isDirty = false
      if (port.held.size === 0) continue
      if (this.#plane.holdReason(port.index, RECEIVE) !== REASON_HOLD) this.#endBatch(port)
      else if (!port.isListed) {
        port.isListed = true
        this.#listed.push(port)
      }
    }
    this.#dirty.length = 0
  }

  #endBatch(port: CountedPort): void {
    const frames = port.held.size
    for (let at = 0; at < port.burstUs.length; at++) {
      const holdUs = this.#nowUs - port.burstUs[at]!
      const queueUs = port.burstQueueUs[at]!
      const count = port.burstFrames[at]!
      record(port.histograms[0]!, holdUs, count)
      record(port.histograms[1]!, queueUs, count)
      record(port.histograms[2]!, holdUs + queueUs, count)
    }
    port.burstUs.length = 0
    port.burstQueueUs.length = 0
    port.burstFrames.length = 0
    this.#add(port, C_PUBLISHES)
    this.#add(port, C_PUBLISHED_FRAMES, frames)
    this.#add(port, C_PUBLISHED_BYTES, port.heldBytes)
    if (port.isVm) this.#moved!.publications++
    while (port.held.size > 0) port.published.push(port.held.shift())
    port.heldBytes = 0
    port.ring.set(V_HELD_FRAMES, 0)
    port.ring.set(V_HELD_BYTES, 0)
    port.ring.set(V_HELD_URGENT, 0)
    if (this.#wantsCall(port)) {
      if (port.maxFrames === 1) this.#callNow = true
      port.isCalled = true
      this.#memory.u8[port.avail] = NO_INTERRUPT
      if (port.isVm) {
        this.#moved!.calls++
        this.#add(port, C_CALLS)
      }
    }
    if (!this.#changed.includes(port)) this.#changed.push(port)
  }

  #wantsCall({ avail }: CountedPort): boolean {
    return this.#memory.u8[avail] === 0
  }

  serveHeld(nowUs: number, moved: Moved): void {
    if (this.#listed.length === 0) return
    this.#begin(nowUs, moved)
    let kept = 0
    for (const port of this.#listed) {
      if (port.held.size > 0 && this.#plane.holdReason(port.index, RECEIVE) === REASON_HOLD) {
        this.#listed[kept++] = port
        continue
      }
      port.isListed = false
      if (port.held.size > 0) this.#endBatch(port)
    }
    this.#listed.length = kept
  }

  heldDueUs(nowUs: number): number {
    let due = Number.POSITIVE_INFINITY
    for (const { index, held } of this.#listed)
      if (held.size > 0) due = Math.min(due, this.#plane.holdDue(index, RECEIVE) - nowUs)
    return due
  }

  show(onCall: (port: number) => void, onShown: (port: number) => void): void {
    for (const port of this.#changed) {
      while (port.published.size > 0) port.shown.push(port.published.shift())
      if (port.isCalled) {
        port.isCalled = false
        onCall(port.index)
      } else onShown(port.index)
    }
    this.#changed.length = 0
  }

  receive(index: number): number {
    const { shown } = this.#ports[index]!
    return shown.size > 0 ? shown.shift() : -1
  }

  visible(index: number): number {
    return this.#ports[index]!.shown.size
  }

  arm(index: number): void {
    const port = this.#ports[index]!
    if (port.isCalled) return
    this.#memory.u8[port.avail] = 0
    if (port.published.size === 0) return
    // It is published at the end of the unit, after this.
    port.isCalled = true
    this.#memory.u8[port.avail] = NO_INTERRUPT
    if (!port.isVm) return
    this.lateCalls++
    this.#add(port, C_CALLS)
  }

  drops(index: number): number {
    return this.#memory.u32[(portAt(index) + P_DROPS + DROP_RING_FULL * 8) >>> 2]!
  }
}
