import { DROP_NAMES, type DropName } from './counters.js'
import {
  CAPTURE_HEADER_BYTES,
  CAPTURED_EGRESS,
  CAPTURED_HELD,
  CAPTURED_JOINED,
  K_BASE,
  K_BYTES,
  K_ENDED,
  K_EPOCH_US,
  K_HEAD,
  K_MISSED,
  K_SNAP_BYTES,
  K_TAIL,
  KR_BYTES,
  KR_CSUM_OFFSET,
  KR_DROP,
  KR_FLAGS,
  KR_FRAME,
  KR_FRAME_BYTES,
  KR_HAS_BYTES,
  KR_HOLD_US,
  KR_MISSED,
  KR_NET_HEADER,
  KR_PUBLISH,
  KR_QUEUE_US,
  KR_TIME_US,
} from './layout.js'
import type { LinearMemory } from './linear-memory.js'
import { REASON_NAMES } from './publication.js'

/** Bytes of the records of a capture ring: what may wait for its reader. A power of two. */
export const CAPTURE_RING_BYTES = 4 * 1024 * 1024

/** What the virtio-net header of a frame asks of its receiver. Source: virtio 1.3, 5.1.6. */
export interface CapturedOffload {
  /** The checksum at `start + offset` holds the sum of the pseudo header alone. */
  readonly checksum: { readonly start: number; readonly offset: number }
  /** gso_type, and payload bytes of each segment that it stands for; undefined: it is no super-frame. */
  readonly gso?: { readonly type: number; readonly sizeBytes: number }
}

/** A frame that crossed a port, or was dropped there. */
export interface CapturedFrame {
  /** When it entered, or was written for its receiver: microseconds on the clock of the capture. */
  readonly timeUs: number
  /** ingress: it entered the switch by the port; egress: it left by it. */
  readonly direction: 'ingress' | 'egress'
  /** Bytes of the frame; `data` may be fewer. */
  readonly sizeBytes: number
  readonly data: Uint8Array
  /** How long it was held until it was published to the guest, and why then. Only of frames that reached a guest. */
  readonly held?: { readonly holdUs: number; readonly publish: string }
  /** Longest time that it may have waited before, in microseconds. */
  readonly queueUs: number
  /** Why it was dropped. */
  readonly drop?: DropName
  /** Whether it joined the frame before it, or took its place: the receiver sees one. */
  readonly joined: boolean
  readonly offload?: CapturedOffload
  /** Frames that were not captured between the one before and this one. */
  readonly missed: number
}

/**
 * A capture ring for frames of up to `snapBytes`: its linear offset, or 0 when there is no room.
 * @param epochUs when the engine's clock began: microseconds since 1970
 */
export function allocateCaptureRing(memory: LinearMemory, snapBytes: number, epochUs: number): number {
  const ring = memory.allocate(CAPTURE_HEADER_BYTES + CAPTURE_RING_BYTES)
  if (ring === 0) return 0
  memory.u8.fill(0, ring, ring + CAPTURE_HEADER_BYTES)
  memory.u32[(ring + K_BASE) >>> 2] = ring + CAPTURE_HEADER_BYTES
  memory.u32[(ring + K_BYTES) >>> 2] = CAPTURE_RING_BYTES
  memory.u32[(ring + K_SNAP_BYTES) >>> 2] = snapBytes
  memory.f64[(ring + K_EPOCH_US) >>> 3] = epochUs
  return ring
}

/** Tells the reader of a capture ring that nothing comes any more. */
export function endCaptureRing(memory: LinearMemory, ring: number): void {
  Atomics.store(memory.u32, (ring + K_ENDED) >>> 2, 1)
}

const [NEEDS_CSUM, GSO_SHIFT] = [1, 8]

/** The reader of a capture ring, in any thread. */
export class CaptureRingReader {
  readonly #u32: Uint32Array
  readonly #u8: Uint8Array
  readonly #data: DataView
  readonly #ring: number

  /** @param memory the engine's linear memory; @param ring linear offset of the ring */
  constructor(memory: ArrayBufferLike, ring: number) {
    this.#u32 = new Uint32Array(memory)
    this.#u8 = new Uint8Array(memory)
    this.#data = new DataView(memory)
    this.#ring = ring
  }

  #field(field: number): number {
    return (this.#ring + field) >>> 2
  }

  /** Whether nothing comes any more: the port has gone. */
  get hasEnded(): boolean {
    return Atomics.load(this.#u32, this.#field(K_ENDED)) !== 0
  }

  /** Microseconds since 1970 that the times of frames count from. */
  get epochUs(): number {
    return this.#data.getFloat64(this.#ring + K_EPOCH_US, true)
  }

  /** Frames that were not captured after the newest record. */
  get missed(): number {
    return this.#u32[this.#field(K_MISSED)] as number
  }

  /** Most bytes that are kept of a frame from now on. */
  set snapBytes(bytes: number) {
    Atomics.store(this.#u32, this.#field(K_SNAP_BYTES), bytes)
  }

  /** Takes the oldest frame, or undefined when none is complete. */
  take(): CapturedFrame | undefined {
    const head = this.#u32[this.#field(K_HEAD)] as number
    if (head === Atomics.load(this.#u32, this.#field(K_TAIL))) return undefined
    const base = this.#u32[this.#field(K_BASE)] as number
    const size = this.#u32[this.#field(K_BYTES)] as number
    let at = head & (size - 1)
    let taken = 0
    if (this.#u32[(base + at) >>> 2] === 0) {
      taken = size - at
      at = 0
    }
    const record = base + at
    const frame = this.#read(record)
    taken += this.#data.getUint32(record + KR_BYTES, true)
    Atomics.store(this.#u32, this.#field(K_HEAD), (head + taken) >>> 0)
    return frame
  }

  #read(record: number): CapturedFrame {
    const u32 = (field: number): number => this.#data.getUint32(record + field, true)
    const f64 = (field: number): number => this.#data.getFloat64(record + field, true)
    const flags = u32(KR_FLAGS)
    const drop = u32(KR_DROP)
    const offload = this.#offloadOf(record)
    return {
      timeUs: f64(KR_TIME_US),
      direction: (flags & CAPTURED_EGRESS) !== 0 ? 'egress' : 'ingress',
      sizeBytes: u32(KR_FRAME_BYTES),
      data: this.#u8.slice(record + KR_FRAME, record + KR_FRAME + u32(KR_HAS_BYTES)),
      ...((flags & CAPTURED_HELD) !== 0
        ? { held: { holdUs: f64(KR_HOLD_US), publish: REASON_NAMES[u32(KR_PUBLISH)] ?? 'hold' } }
        : {}),
      queueUs: Math.max(0, f64(KR_QUEUE_US)),
      ...(drop > 0 ? { drop: DROP_NAMES[drop - 1] as DropName } : {}),
      joined: (flags & CAPTURED_JOINED) !== 0,
      ...(offload ? { offload } : {}),
      missed: u32(KR_MISSED),
    }
  }

  #offloadOf(record: number): CapturedOffload | undefined {
    const data = this.#data
    const flags = data.getUint16(record + KR_NET_HEADER, true)
    if ((flags & NEEDS_CSUM) === 0) return undefined
    const type = flags >>> GSO_SHIFT
    return {
      checksum: {
        start: data.getUint16(record + KR_NET_HEADER + 6, true),
        offset: data.getUint32(record + KR_CSUM_OFFSET, true),
      },
      ...(type === 0 ? {} : { gso: { type, sizeBytes: data.getUint16(record + KR_NET_HEADER + 4, true) } }),
    }
  }
}
