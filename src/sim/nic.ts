/**
 * A NIC and the wire behind it, on which its peer has all the time there is. Both directions run at line rate: a frame takes
 * its bytes and what Ethernet adds (preamble, checksum, gap). What arrives lies in the receive ring of a queue; an interrupt
 * follows unless one came within the moderation time.
 */
import type { EventList } from './event-list.js'
import { Fifo } from './fifo.js'
import type { Frames } from './frames.js'
import type { Nic } from './model.js'

/** Preamble 8, checksum 4, gap 12. Source: IEEE 802.3, 4A.4.2. */
export const WIRE_BYTES = 24
/** Frame without checksum. Source: IEEE 802.3, 3.2.8. */
export const LEAST_FRAME_BYTES = 60
/** Ethernet, IPv4 and TCP with timestamps, which each segment has. */
export const HEADER_BYTES = 66
/** Frames that wait at the peer for the wire: an open-loop source beyond line rate loses what is more. */
const PEER_FRAMES = 16384

/** Bytes that a frame takes on a wire. */
export function wireBytes(frameBytes: number, segments: number): number {
  return Math.max(LEAST_FRAME_BYTES, frameBytes) + WIRE_BYTES + (segments - 1) * (HEADER_BYTES + WIRE_BYTES)
}

/** What a NIC is connected to. */
export interface NicSides {
  /** How many queues are in use, and into which one a frame from the wire goes. */
  readonly queues: number
  readonly queueOf: (frame: number) => number
  /** A frame has come: puts it into the receive ring of a queue; false: that is full. */
  readonly receive: (frame: number, queue: number) => boolean
  /** An interrupt of a queue; false: nobody wants one, because the ring is being polled. */
  readonly interrupt: (nowNs: number, queue: number) => boolean
  /** The next frame that is to leave, or -1. */
  readonly take: () => number
  /** A frame has reached the peer. */
  readonly peer: (frame: number, nowNs: number) => void
  /** A frame is lost. */
  readonly lost: (frame: number) => void
  /** Whether the wire loses a frame. */
  readonly loses: (frame: number) => boolean
}

export class NicModel {
  readonly nic: Nic
  /** Frames lost: at the full receive ring, and at the peer for want of line rate. */
  drops = 0
  peerDrops = 0
  /** Time on the wire, to the peer and from it. */
  outNs = 0
  inNs = 0
  readonly #events: EventList
  readonly #frames: Frames
  readonly #sides: NicSides
  readonly #nsPerByte: number
  readonly #wireNs: number
  readonly #moderationNs: number
  readonly #coming = new Fifo(1024)
  readonly #leaving = new Fifo(1024)
  readonly #arrive: number
  readonly #departed: number
  readonly #delivered: number
  readonly #fire: number
  #inUntilNs = 0
  #isSending = false
  #sent = -1
  /** By queue: its last interrupt, and whether one is to come (1). */
  readonly #interruptedNs: Float64Array
  readonly #isPending: Uint8Array

  constructor(events: EventList, frames: Frames, nic: Nic, sides: NicSides) {
    this.nic = nic
    this.#events = events
    this.#frames = frames
    this.#sides = sides
    this.#nsPerByte = 8 / nic.gbps
    this.#wireNs = Math.round(nic.wireUs * 1000)
    this.#moderationNs = Math.round(nic.moderationUs * 1000)
    this.#arrive = events.register((_, nowNs) => this.#arrived(nowNs))
    this.#departed = events.register((_, nowNs) => this.#leftWire(nowNs))
    this.#delivered = events.register((_, nowNs) => sides.peer(this.#leaving.shift(), nowNs))
    this.#fire = events.register((queue, nowNs) => this.#interrupt(nowNs, queue))
    this.#interruptedNs = new Float64Array(sides.queues).fill(Number.NEGATIVE_INFINITY)
    this.#isPending = new Uint8Array(sides.queues)
  }

  #wireTimeNs(frame: number): number {
    const bytes = wireBytes(this.#frames.bytes[frame]!, this.#frames.segments[frame]!)
    return Math.max(1, Math.round(bytes * this.#nsPerByte))
  }

  /** The peer sends a frame. */
  fromPeer(frame: number, nowNs: number): void {
    if (this.#coming.size >= PEER_FRAMES) {
      this.peerDrops++
      this.#sides.lost(frame)
      return
    }
    const tookNs = this.#wireTimeNs(frame)
    this.inNs += tookNs
    this.#inUntilNs = Math.max(nowNs, this.#inUntilNs) + tookNs
    this.#coming.push(frame)
    this.#events.schedule(this.#inUntilNs + this.#wireNs, this.#arrive, 0)
  }

  #arrived(nowNs: number): void {
    const frame = this.#coming.shift()
    if (this.#sides.loses(frame)) {
      this.#sides.lost(frame)
      return
    }
    const queue = this.#sides.queueOf(frame)
    if (!this.#sides.receive(frame, queue)) {
      this.drops++
      this.#sides.lost(frame)
      return
    }
    if (this.#isPending[queue] === 1) return
    const dueNs = this.#interruptedNs[queue]! + this.#moderationNs
    if (nowNs >= dueNs) this.#interrupt(nowNs, queue)
    else {
      this.#isPending[queue] = 1
      this.#events.schedule(dueNs, this.#fire, queue)
    }
  }

  #interrupt(nowNs: number, queue: number): void {
    this.#isPending[queue] = 0
    if (this.#sides.interrupt(nowNs, queue)) this.#interruptedNs[queue] = nowNs
  }

  /** Frames lie in its transmit ring. */
  send(): void {
    if (this.#isSending) return
    const frame = this.#sides.take()
    if (frame < 0) return
    this.#isSending = true
    this.#sent = frame
    const tookNs = this.#wireTimeNs(frame)
    this.outNs += tookNs
    this.#events.schedule(this.#events.nowNs + tookNs, this.#departed, 0)
  }

  #leftWire(nowNs: number): void {
    this.#isSending = false
    const frame = this.#sent
    if (this.#sides.loses(frame)) this.#sides.lost(frame)
    else {
      this.#leaving.push(frame)
      this.#events.schedule(nowNs + this.#wireNs, this.#delivered, 0)
    }
    this.send()
  }
}
