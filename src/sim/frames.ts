/** The frames that are on their way, as numbers in typed arrays: a frame is its place. */
import { RingferryError } from '../errors/errors.js'

/** More than all rings of a model hold: something is not bounded. */
const MAX_FRAMES = 1 << 22

export class Frames {
  /** Without the checksum of Ethernet. */
  bytes = new Int32Array(1024)
  /** Frames that it becomes on a wire (segmentation offload); else 1. */
  segments = new Int32Array(1024)
  /** Ports: where it was sent and where it goes. */
  from = new Int32Array(1024)
  to = new Int32Array(1024)
  /** Whose it is, and what its owner keeps with it. */
  flow = new Int32Array(1024)
  value = new Int32Array(1024)
  number = new Float64Array(1024)
  /** 1: it must not wait. */
  urgent = new Uint8Array(1024)
  /** 1: it is TCP. Where a VM has no buffers TCP waits for some; other frames are dropped. */
  tcp = new Uint8Array(1024)
  bornNs = new Float64Array(1024)
  /** Frames on their way, by whose they are. */
  readonly live: Int32Array
  #free = new Int32Array(1024)
  #freeCount = 0
  #used = 0

  /** @param flows how many there are */
  constructor(flows = 1) {
    this.live = new Int32Array(flows)
  }

  /** A new frame from port to port. */
  make(flow: number, from: number, to: number, bytes: number): number {
    const frame = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#fresh()
    this.live[flow]!++
    this.flow[frame] = flow
    this.from[frame] = from
    this.to[frame] = to
    this.bytes[frame] = bytes
    this.segments[frame] = 1
    this.value[frame] = 0
    this.urgent[frame] = 0
    this.tcp[frame] = 0
    return frame
  }

  /** The frame has arrived, or is lost. */
  release(frame: number): void {
    this.live[this.flow[frame]!]!--
    this.#free[this.#freeCount++] = frame
  }

  /** Frames on their way. */
  get count(): number {
    return this.#used - this.#freeCount
  }

  #fresh(): number {
    if (this.#used === this.bytes.length) this.#grow()
    return this.#used++
  }

  #grow(): void {
    if (this.#used >= MAX_FRAMES)
      throw new RingferryError(
        'USAGE',
        `more than ${MAX_FRAMES} frames are on their way: the model is saturated`,
      )
    const grow = <T extends Int32Array | Uint8Array | Float64Array>(from: T): T => {
      const Kind = from.constructor as new (length: number) => T
      const to = new Kind(from.length * 2)
      to.set(from)
      return to
    }
    this.bytes = grow(this.bytes)
    this.segments = grow(this.segments)
    this.from = grow(this.from)
    this.to = grow(this.to)
    this.flow = grow(this.flow)
    this.value = grow(this.value)
    this.number = grow(this.number)
    this.urgent = grow(this.urgent)
    this.tcp = grow(this.tcp)
    this.bornNs = grow(this.bornNs)
    this.#free = grow(this.#free)
  }
}
