/** Frames of a port that the plane has taken and that have not left yet. Read from memory by any thread. */
import { portAt } from './globals.js'
import { MAX_QUEUE_PAIRS, P_FROM_RING, P_RING, P_VRINGS, R_COUNT, V_BACKLOG, VRING_BYTES } from './layout.js'

/**
 * Frames that wait in the byte rings of a port: for buffers of its guest, for its device or peer, or for a rate limit.
 * @param memory the engine's linear memory; @param row the port's
 */
export function waitingFrames(memory: BigUint64Array, row: number): number {
  const words = new Uint32Array(memory.buffer)
  const word = (offset: number): number => words[offset >>> 2] as number
  const port = portAt(row)
  // The backlog of the first queue pair is the port's own ring.
  const rings = new Set([word(port + P_RING), word(port + P_FROM_RING)])
  for (let pair = 0; pair < MAX_QUEUE_PAIRS; pair++)
    rings.add(word(port + P_VRINGS + pair * 2 * VRING_BYTES + V_BACKLOG))
  rings.delete(0)
  return [...rings].reduce((sum, ring) => sum + word(ring + R_COUNT), 0)
}
