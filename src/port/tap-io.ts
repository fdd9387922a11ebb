/**
 * How a TAP's frames are moved: by io_uring, which moves a batch by one call, or by a call a frame where the kernel
 * refuses io_uring.
 */
import { INGEST_AT, STAGE_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { memoryAddress } from '../grants/memory-address.js'
import { type FrameReads, type FrameWrites, ReadCalls, WriteCalls } from '../sys/frame-calls.js'
import { ReadRing, WriteRing } from '../sys/frame-rings.js'
import { FrameSlots, SLOT_BYTES, STAGE_SLOTS } from './frame-slots.js'
import type { PortHost } from './port.js'

/** Frames that the kernel may read ahead: a burst. */
const READ_SLOTS = 64
const WRITE_BATCH = 64

export interface TapIo {
  readonly reads: FrameReads
  readonly writes: FrameWrites
  /** From now on a call a frame is written: a batch cannot stop at the first frame that would have to wait. */
  writeSingly(): void
  /** Linear offset of a slot of `reads`. */
  slotAt(slot: number): number
  /** Why it is a call a frame; undefined: it is not. */
  readonly whySingle: string | undefined
  close(): void
}

function byCalls({ memory }: PortHost, fds: readonly number[], whySingle: string): TapIo {
  const slotAt = (slot: number): number => STAGE_AT + slot * SLOT_BYTES
  const base = memoryAddress(memory)
  const addresses = Array.from({ length: STAGE_SLOTS }, (_, slot) => base + slotAt(slot))
  return {
    reads: new ReadCalls(fds, addresses, SLOT_BYTES),
    writes: new WriteCalls(WRITE_BATCH),
    slotAt,
    whySingle,
    writeSingly: () => {},
    close: () => {},
  }
}

/** Both rings, or why they cannot be. */
function openRings(fds: readonly number[], addresses: readonly number[]) {
  const reads = ReadRing.open(fds, addresses, SLOT_BYTES)
  if (typeof reads === 'string') return reads
  const writes = WriteRing.open(WRITE_BATCH)
  if (typeof writes !== 'string' && writes.serves(fds[0] as number)) return { reads, writes }
  reads.close()
  if (typeof writes === 'string') return writes
  writes.close()
  return "the kernel's TAPs cannot refuse to wait"
}

/** Ways to move the frames of the non-blocking descriptors of a TAP, one a queue. */
export function openTapIo(host: PortHost, fds: readonly number[]): TapIo {
  const slots = FrameSlots.allocate(host.memory, READ_SLOTS)
  if (!slots) return byCalls(host, fds, 'the linear memory is full')
  const rings = openRings(fds, slots.addresses)
  if (typeof rings === 'string') {
    slots.free()
    return byCalls(host, fds, `no io_uring: ${rings}`)
  }
  const { reads, writes } = rings
  let chosen: FrameWrites = writes
  return {
    reads,
    get writes() {
      return chosen
    },
    slotAt: (slot) => slots.at(slot),
    whySingle: undefined,
    writeSingly() {
      if (chosen === writes) chosen = new WriteCalls(WRITE_BATCH)
    },
    close() {
      reads.close()
      writes.close()
      slots.free()
    },
  }
}

/** Lists the oldest frames that wait for ingestBurst(): `most` at most, until they have `mostBytes`. */
export function listFrames(
  { u32 }: LinearMemory,
  { reads, slotAt }: TapIo,
  most: number,
  mostBytes: number,
): { readonly frames: number; readonly bytes: number } {
  const limit = reads.keeps ? mostBytes : Number.POSITIVE_INFINITY
  let frames = 0
  let bytes = 0
  for (; frames < most && frames < reads.waiting && bytes < limit; frames++) {
    const entry = (INGEST_AT >>> 2) + frames * 2
    u32[entry] = slotAt(reads.slot(frames))
    u32[entry + 1] = reads.bytes(frames)
    bytes += reads.bytes(frames)
  }
  return { frames, bytes }
}
