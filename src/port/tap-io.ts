/**
 * How a TAP's frames are moved: by io_uring, which moves a batch by one call, or by a call a frame where the kernel
 * refuses io_uring.
 */
import { INGEST_AT, STAGE_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { memoryAddress } from '../grants/memory-address.js'
import { type FrameReads, type FrameWrites, ReadCalls, WriteCalls } from '../sys/frame-calls.js'
import { ReadRing, WriteRing } from '../sys/frame-rings.js'
import { ReadBatches } from '../sys/read-batches.js'
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

interface Reading {
  readonly reads: FrameReads
  readonly slots?: FrameSlots
  readonly whySingle?: string
}

/** Frames that may wait lie in slots of the port's own, others in those that all ports use. */
function openReads({ memory }: PortHost, fds: readonly number[]): Reading {
  const slots = FrameSlots.allocate(memory, READ_SLOTS)
  const reads = slots ? openRing(fds, slots) : 'the linear memory is full'
  if (slots && typeof reads !== 'string') return { reads, slots }
  slots?.free()
  const base = memoryAddress(memory)
  const addresses = Array.from({ length: STAGE_SLOTS }, (_, slot) => base + stageAt(slot))
  return { reads: new ReadCalls(fds, addresses, SLOT_BYTES), whySingle: reads as string }
}

/** The better of two ways that the kernel has, or why it has none. */
function openRing(fds: readonly number[], { addresses }: FrameSlots): FrameReads | string {
  const lasting = ReadRing.open(fds, addresses, SLOT_BYTES)
  return typeof lasting === 'string' ? ReadBatches.open(fds, addresses, SLOT_BYTES) : lasting
}

function stageAt(slot: number): number {
  return STAGE_AT + slot * SLOT_BYTES
}

/** Ways to move the frames of the non-blocking descriptors of a TAP, one a queue. */
export function openTapIo(host: PortHost, fds: readonly number[]): TapIo {
  const ring = WriteRing.open(WRITE_BATCH)
  const { reads, slots, whySingle } = openReads(host, fds)
  let writes: FrameWrites = typeof ring === 'string' ? new WriteCalls(WRITE_BATCH) : ring
  return {
    reads,
    get writes() {
      return writes
    },
    slotAt: (slot) => slots?.at(slot) ?? stageAt(slot),
    whySingle: typeof ring === 'string' ? `no io_uring: ${ring}` : whySingle && `reading: ${whySingle}`,
    writeSingly() {
      if (writes === ring) writes = new WriteCalls(WRITE_BATCH)
    },
    close() {
      reads.close()
      if (typeof ring !== 'string') ring.close()
      slots?.free()
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
