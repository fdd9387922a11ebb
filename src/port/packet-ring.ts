/**
 * What comes in by an AF_PACKET socket: a ring of slots that the kernel fills and the plane reads where they lie, because
 * the ring is mapped into the linear memory. No call and no copy is needed to take a frame.
 *
 *   slot:  | status, lengths, tag | room | virtio-net header | frame |
 *
 * A frame that is longer than its slot (a jumbo frame, segments that are not cut yet) is queued whole on the socket as
 * well: its slot says so, and it is read by a call in its turn. Source: Linux Documentation/networking/packet_mmap.rst,
 * uapi/linux/if_packet.h, net/packet/af_packet.c (6.12), tpacket_rcv.
 */
import { INGEST_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { mapShared, mapZero } from '../sys/memory-map.js'
import {
  PACKET_HEADER_BYTES,
  type PacketRingSizes,
  SLOT,
  SLOT_COPIED,
  SLOT_FREE,
  SLOT_FULL,
  tagOf,
} from '../sys/packet-socket.js'
import { putTagBack, TAG_BYTES } from './taken-tag.js'

/** Small frames that may wait: what comes in some milliseconds. Frames of the usual MTU fit. */
export const PACKET_RING_SIZES: PacketRingSizes = { slots: 2048, slotBytes: 2048 }
const { slots: SLOTS, slotBytes: SLOT_BYTES } = PACKET_RING_SIZES
const RING_BYTES = SLOTS * SLOT_BYTES

export class PacketRing {
  readonly #memory: LinearMemory
  readonly #status: Int32Array
  readonly #at: number
  #next = 0

  /** Maps the ring of a socket. Throws UNSUPPORTED when the linear memory is full, SYSCALL. @param name of the port */
  constructor(memory: LinearMemory, fd: number, name: string) {
    this.#memory = memory
    this.#status = new Int32Array(memory.memory.buffer)
    this.#at = memory.allocate(RING_BYTES)
    if (this.#at === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${name}: the linear memory is full; remove a port or give it more memory`,
      )
    try {
      mapShared(memoryAddress(memory) + this.#at, RING_BYTES, fd, 0)
    } catch (error) {
      memory.free(this.#at)
      throw error
    }
  }

  #slot(index: number): number {
    return this.#at + ((this.#next + index) % SLOTS) * SLOT_BYTES
  }

  #statusOf(slot: number): number {
    return Atomics.load(this.#status, slot >>> 2)
  }

  /** Whether the oldest frame was cut: there was no room to keep it whole. */
  get isCut(): boolean {
    const slot = this.#slot(0)
    const status = this.#statusOf(slot)
    return (status & SLOT_FULL) !== 0 && (status & SLOT_COPIED) === 0 && this.#isLonger(slot)
  }

  #isLonger(slot: number): boolean {
    const { u32 } = this.#memory
    return (u32[(slot + SLOT.BYTES) >>> 2] as number) > (u32[(slot + SLOT.HAS_BYTES) >>> 2] as number)
  }

  /** Lists the oldest frames that lie in their slots for ingestBurst(), up to `most`. Returns how many. */
  list(most: number): number {
    const { u32, data } = this.#memory
    let frames = 0
    for (; frames < most; frames++) {
      const slot = this.#slot(frames)
      const status = this.#statusOf(slot)
      if ((status & SLOT_FULL) === 0 || (status & SLOT_COPIED) !== 0 || this.#isLonger(slot)) break
      let at = slot + data.getUint16(slot + SLOT.FRAME_AT, true) - PACKET_HEADER_BYTES
      let bytes = PACKET_HEADER_BYTES + (u32[(slot + SLOT.HAS_BYTES) >>> 2] as number)
      const tag = tagOf(status, u32[(slot + SLOT.TAG) >>> 2] as number)
      // Once: the frame may be listed again when the burst has cost enough.
      if (tag !== 0) {
        at = putTagBack(this.#memory, at, bytes, tag)
        bytes += TAG_BYTES
        data.setUint16(slot + SLOT.FRAME_AT, at - slot + PACKET_HEADER_BYTES, true)
        u32[(slot + SLOT.HAS_BYTES) >>> 2] = bytes - PACKET_HEADER_BYTES
        u32[(slot + SLOT.BYTES) >>> 2] = bytes - PACKET_HEADER_BYTES
        Atomics.store(this.#status, slot >>> 2, SLOT_FULL)
      }
      const entry = (INGEST_AT >>> 2) + frames * 2
      u32[entry] = at
      u32[entry + 1] = bytes
    }
    return frames
  }

  /** Frames in a row, the oldest first, that wait on the socket: `most` at most. */
  copied(most: number): number {
    let count = 0
    for (; count < most; count++) {
      const status = this.#statusOf(this.#slot(count))
      if ((status & SLOT_FULL) === 0 || (status & SLOT_COPIED) === 0) break
    }
    return count
  }

  /** Gives the oldest slots back to the kernel. */
  release(count: number): void {
    for (let index = 0; index < count; index++)
      Atomics.store(this.#status, this.#slot(index) >>> 2, SLOT_FREE)
    this.#next = (this.#next + count) % SLOTS
  }

  /** Frames that wait in the ring. */
  get waiting(): number {
    let count = 0
    while (count < SLOTS && (this.#statusOf(this.#slot(count)) & SLOT_FULL) !== 0) count++
    return count
  }

  close(): void {
    mapZero(memoryAddress(this.#memory) + this.#at, RING_BYTES)
    this.#memory.free(this.#at)
  }
}
