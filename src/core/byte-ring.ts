import { R_BASE, R_BYTES, R_COUNT, RECORD_FRAME_BYTES, RECORD_HASH, RING_HEADER_BYTES } from './layout.js'
import type { LinearMemory } from './linear-memory.js'

/** Bytes of a port's byte ring: what may wait for a host port, or for a guest without buffers. */
export const RING_BYTES = 1024 * 1024

/** A byte ring: its linear offset, or 0 when there is no room. */
export function allocateByteRing(memory: LinearMemory): number {
  const ring = memory.allocate(RING_HEADER_BYTES + RING_BYTES)
  if (ring === 0) return 0
  memory.u8.fill(0, ring, ring + RING_HEADER_BYTES)
  memory.u32[(ring + R_BASE) >>> 2] = ring + RING_HEADER_BYTES
  memory.u32[(ring + R_BYTES) >>> 2] = RING_BYTES
  return ring
}

/** Records in the byte ring at a linear offset. */
export function recordCount(memory: LinearMemory, ring: number): number {
  return memory.u32[(ring + R_COUNT) >>> 2] as number
}

/** Linear offset of the record after one; only while there is one more. */
export function recordAfter(memory: LinearMemory, ring: number, record: number): number {
  const { u32 } = memory
  const base = u32[(ring + R_BASE) >>> 2] as number
  const end = base + (u32[(ring + R_BYTES) >>> 2] as number)
  const after = record + (u32[record >>> 2] as number)
  return after === end || u32[after >>> 2] === 0 ? base : after
}

/** Bytes of a record's frame, without its virtio-net header. */
export function frameBytes(memory: LinearMemory, record: number): number {
  return memory.u32[(record + RECORD_FRAME_BYTES) >>> 2] as number
}

/** The hash of a record's flow. */
export function flowHash(memory: LinearMemory, record: number): number {
  return memory.u32[(record + RECORD_HASH) >>> 2] as number
}
