/**
 * The inflight area: memory in which a backend that completes out of order notes what it has taken, so
 * that its successor can resubmit it. The frontend keeps the file while no backend is connected.
 *
 * Ringferry completes every ring in order: what was taken and not completed is exactly what lies between
 * the ring's used index and its available index, both in guest memory. So a successor starts at the used
 * index and never reads this area; it exists for frontends that insist on one, laid out as they expect.
 * Source: QEMU, docs/interop/vhost-user.rst, "Inflight I/O tracking", split virtqueue.
 */
import { createSealedMemfd, fileSize, writeU32 } from '../sys/memory-map.js'
import { closeFd } from '../sys/unix-socket.js'
import type { InflightPayload } from './messages.js'

const REGION_HEADER_BYTES = 16
const DESC_STATE_BYTES = 16
const ALIGN_BYTES = 64
const AREA_VERSION = 1

/** Bytes of one queue's region, aligned to a cache line. */
export function inflightRegionBytes(queueSize: number): number {
  return Math.ceil((REGION_HEADER_BYTES + queueSize * DESC_STATE_BYTES) / ALIGN_BYTES) * ALIGN_BYTES
}

/** A new memory file with a region for each queue. The caller owns the returned file descriptor. */
export function createInflight(queues: number, queueSize: number): { fd: number; sizeBytes: number } {
  const regionBytes = inflightRegionBytes(queueSize)
  const sizeBytes = Math.max(1, queues) * regionBytes
  const fd = createSealedMemfd('ringferry-inflight', sizeBytes)
  try {
    // Two u16 side by side: version, descriptors.
    for (let queue = 0; queue < queues; queue++)
      writeU32(fd, AREA_VERSION | (queueSize << 16), queue * regionBytes + 8)
  } catch (error) {
    closeFd(fd)
    throw error
  }
  return { fd, sizeBytes }
}

/** What is wrong with an area that a frontend hands back, or undefined. */
export function checkInflight(inflight: InflightPayload, fd: number): string | undefined {
  const needed = inflight.queues * inflightRegionBytes(inflight.queueSize)
  if (inflight.sizeBytes < needed)
    return `inflight area of ${inflight.sizeBytes} bytes for ${inflight.queues} queues of ${inflight.queueSize}, which need ${needed}`
  const available = fileSize(fd)
  if (inflight.offset + inflight.sizeBytes > available)
    return `inflight area ends at byte ${inflight.offset + inflight.sizeBytes} of a file of ${available}`
  return undefined
}
