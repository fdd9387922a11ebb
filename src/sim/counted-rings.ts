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
  P_DROPS,
  P_REASONS,
  REASON_BYTES,
  REASON_FRAMES,
  REASON_FULL,
  REASON_HOLD,
  REASON_NO_HOLD,
  RECORD_FRAME,
  V_HELD_URGENT,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { CountedPort, RECEIVE } from './counted-port.js'
import type { Frames } from './frames.js'
import type { DepthOfRings, Moved, OnPort } from './rings.js'

/** The flag of an available ring whose guest polls. Source: virtio 1.3, 2.7.6. */
const NO_INTERRUPT = 1
/** Frames that one poll takes out of a backlog, at most: as the plane. */
const BACKLOG_BURST = 1024
/** Bytes that a frame takes of a backlog, which has RING_BYTES. */
const recordBytes = (frameBytes: number): number => (RECORD_FRAME + frameBytes + 15) & ~15

export class CountedRings implements DepthOfRings {
  readonly #memory: LinearMemory
  readonly #plane: Plane
  readonly #globals: Globals
  readonly #frames: Frames
  readonly #ports: CountedPort[] = []
  /** Ports that the burst at hand has brought frames, that hold a batch, that have published; lists that keep their length. */
  readonly #dirty: CountedPort[] = []
  readonly #listed: CountedPort[] = []
  readonly #changed: CountedPort[] = []
  #dirtyCount = 0
  #listedCount = 0
  #changedCount = 0
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

  /** A port. @param size frames of each of its rings */
  add(index: number, size: number, isVm: boolean): void {
    this.#ports[index] = new CountedPort(this.#memory, index, size, isVm)
    this.setLimits(index, NATURAL_LIMITS)
    this.arm(index)
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
    // As the plane does: so many at most, and a call that is due at once ends it.
    for (let left = burst === 1 ? 1 : BACKLOG_BURST; left > 0 && !this.#callNow; left--) {
      if (port.backlog.size === 0 || port.room <= 0) break
      const frame = port.backlog.shift()
      port.backlogBytes -= recordBytes(this.#frames.bytes[frame]!)
      this.#append(port, frame)
      moved.work++
    }
    this.#queueUs = nowUs - Math.max(port.polledUs, this.#wokeUs)
    port.polledUs = nowUs
    const { transmit, size } = port
    const waiting = transmit.size
    if (waiting > size - (size >> 3) && !moved.continues) port.add(C_CROWDED)
    const { to, bytes } = this.#frames
    for (let left = Math.min(burst, waiting); left > 0 && !this.#callNow; left--) {
      const frame = transmit.shift()
      moved.frames[moved.count++] = frame
      moved.work++
      port.add(C_INGRESS_FRAMES)
      port.add(C_INGRESS_BYTES, bytes[frame]!)
      this.#deliver(this.#ports[to[frame]!]!, frame)
    }
    // As the plane counts: what came out of a backlog is work, too.
    if (moved.work > 0 && !moved.continues) port.add(C_POLLS)
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
    if (port.held.size > 0) this.#endBatch(port, REASON_FULL)
    const bytes = recordBytes(this.#frames.bytes[frame]!)
    if (this.#frames.tcp[frame] === 1 && port.backlogBytes + bytes <= RING_BYTES) {
      port.backlog.push(frame)
      port.backlogBytes += bytes
    } else {
      port.count(P_DROPS + DROP_RING_FULL * 8, 1)
      this.#frames.release(frame)
    }
  }

  #append(port: CountedPort, frame: number): void {
    const { ring } = port
    const nowUs = this.#nowUs
    port.hold(frame, this.#frames.bytes[frame]!, nowUs)
    if (port.joinBurst(nowUs, this.#queueUs)) port.add(C_EGRESS_BURSTS)
    if (port.watchesUrgency && this.#frames.urgent[frame] === 1 && ring.get(V_HELD_URGENT) === 0) {
      ring.set(V_HELD_URGENT, 1)
      port.add(C_EGRESS_URGENT_BURSTS)
    }
    if (port.maxFrames !== NO_LIMIT || port.maxBytes !== NO_LIMIT) {
      const reason = this.#plane.holdReason(port.index, RECEIVE)
      if (reason === REASON_FRAMES || reason === REASON_BYTES) {
        this.#endBatch(port, reason)
        return
      }
    }
    if (!port.isDirty) {
      port.isDirty = true
      this.#dirty[this.#dirtyCount++] = port
    }
  }

  #endBurst(): void {
    for (let at = 0; at < this.#dirtyCount; at++) {
      const port = this.#dirty[at]!
      port.isDirty = false
      if (port.held.size === 0) continue
      const reason = this.#plane.holdReason(port.index, RECEIVE)
      if (reason !== REASON_HOLD) this.#endBatch(port, reason)
      else if (!port.isListed) {
        port.isListed = true
        this.#listed[this.#listedCount++] = port
      }
    }
    this.#dirtyCount = 0
  }

  #endBatch(port: CountedPort, reason: number): void {
    const frames = port.held.size
    port.count(P_REASONS + reason * 8, 1)
    for (let at = 0; at < port.bursts; at++) {
      const holdUs = this.#nowUs - port.burstUs[at]!
      const queueUs = port.burstQueueUs[at]!
      const count = port.burstFrames[at]!
      record(port.holds, holdUs, count)
      record(port.queues, queueUs, count)
      record(port.totals, holdUs + queueUs, count)
    }
    port.bursts = 0
    port.add(C_PUBLISHES)
    port.add(C_PUBLISHED_FRAMES, frames)
    port.add(C_PUBLISHED_BYTES, port.heldBytes)
    if (port.isVm) this.#moved!.publications++
    port.publish()
    if (this.#wantsCall(port)) {
      if (port.maxFrames === 1) this.#callNow = true
      port.isCalled = true
      this.#memory.u8[port.avail] = NO_INTERRUPT
      if (port.isVm) {
        this.#moved!.calls++
        port.add(C_CALLS)
      }
    }
    if (!port.isChanged) {
      port.isChanged = true
      this.#changed[this.#changedCount++] = port
    }
  }

  #wantsCall({ avail }: CountedPort): boolean {
    return this.#memory.u8[avail] === 0
  }

  serveHeld(nowUs: number, moved: Moved): void {
    if (this.#listedCount === 0) return
    this.#begin(nowUs, moved)
    let kept = 0
    for (let at = 0; at < this.#listedCount; at++) {
      const port = this.#listed[at]!
      const reason = port.held.size > 0 ? this.#plane.holdReason(port.index, RECEIVE) : REASON_NO_HOLD
      if (reason === REASON_HOLD) {
        this.#listed[kept++] = port
        continue
      }
      port.isListed = false
      if (port.held.size > 0) this.#endBatch(port, reason)
    }
    this.#listedCount = kept
  }

  heldDueUs(nowUs: number): number {
    let due = Number.POSITIVE_INFINITY
    for (let at = 0; at < this.#listedCount; at++) {
      const { index, held } = this.#listed[at]!
      if (held.size > 0) due = Math.min(due, this.#plane.holdDue(index, RECEIVE) - nowUs)
    }
    return due
  }

  show(onCall: OnPort, onShown: OnPort, nowNs: number): void {
    for (let at = 0; at < this.#changedCount; at++) {
      const port = this.#changed[at]!
      port.isChanged = false
      port.published.moveTo(port.shown)
      if (port.isCalled) {
        port.isCalled = false
        onCall(port.index, nowNs)
      } else onShown(port.index, nowNs)
    }
    this.#changedCount = 0
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
    port.add(C_CALLS)
  }

  drops(index: number): number {
    return this.#memory.u32[(portAt(index) + P_DROPS + DROP_RING_FULL * 8) >>> 2]!
  }
}
