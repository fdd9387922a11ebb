import {
  DROP_RUNT,
  DROP_TOO_LONG,
  MAX_FRAME_BYTES,
  MIN_FRAME_BYTES,
  NET_HEADER_BYTES,
} from '../core/layout.js'
import type { PortRow } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { errno, libc } from '../sys/libc.js'
import type { PortHost } from './port.js'

/** Bytes of the length before each frame, big endian. */
export const LENGTH_BYTES = 4
/** A longer announcement is no frame of any link: the peer speaks another protocol, and is detached. */
const MAX_SKIPPED_BYTES = 1024 * 1024
const INPUT_BYTES = 256 * 1024
/** Room before the input in which the first frame's empty virtio-net header lies. */
const HEADROOM_BYTES = 16

/** Frames with their lengths as they come from a stream: a buffer in the linear memory, and what of it is unread. */
export class StreamInput {
  readonly #host: PortHost
  readonly #row: PortRow
  /** Linear offset of the buffer; the part of it that holds unread bytes. */
  readonly #buffer: number
  #from = 0
  #to = 0
  /** Bytes still to come of a frame that is not taken. */
  #skipped = 0
  #breach: string | undefined

  /** Throws UNSUPPORTED when the linear memory has no room. @param name of the port */
  constructor(host: PortHost, row: PortRow, name: string) {
    this.#host = host
    this.#row = row
    this.#buffer = host.memory.allocate(HEADROOM_BYTES + INPUT_BYTES)
    if (this.#buffer === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${name}: the linear memory is full; remove a port or give it more memory`,
      )
  }

  free(): void {
    this.#host.memory.free(this.#buffer)
  }

  /** Forgets what has come: a new peer begins. */
  reset(): void {
    this.#from = 0
    this.#to = 0
    this.#skipped = 0
    this.#breach = undefined
  }

  /** How the peer broke the protocol, or undefined. */
  get breach(): string | undefined {
    return this.#breach
  }

  /** Whether the last read filled the buffer: more may wait. */
  get isFull(): boolean {
    return this.#to === INPUT_BYTES
  }

  /** Reads what there is room for. Returns the bytes, 0 at the end of the stream, or the negated errno. */
  read(fd: number): number {
    const start = this.#buffer + HEADROOM_BYTES
    if (this.#from > 0) {
      this.#host.memory.u8.copyWithin(start, start + this.#from, start + this.#to)
      this.#to -= this.#from
      this.#from = 0
    }
    const at = memoryAddress(this.#host.memory) + start + this.#to
    const bytes = libc.read(fd, at, INPUT_BYTES - this.#to)
    if (bytes < 0) return -errno()
    this.#to += bytes
    return bytes
  }

  /**
   * Hands up to `budget` whole frames to the plane. Their empty headers are written over the length and the end of
   * the frame before, which is no longer needed. Returns how many, or `budget` when the burst has cost enough; a
   * breach ends it.
   */
  parse(budget: number): number {
    const { u8, data } = this.#host.memory
    const start = this.#buffer + HEADROOM_BYTES
    let frames = 0
    this.#skip()
    while (frames < budget && this.#to - this.#from >= LENGTH_BYTES) {
      const length = data.getUint32(start + this.#from, false)
      if (length > MAX_SKIPPED_BYTES) {
        this.#breach = `a frame of ${length} bytes; from ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES} are possible`
        break
      }
      if (length > MAX_FRAME_BYTES || length < MIN_FRAME_BYTES) {
        this.#row.countDrops(length < MIN_FRAME_BYTES ? DROP_RUNT : DROP_TOO_LONG, 1)
        this.#skipped = LENGTH_BYTES + length
        frames++
        this.#skip()
        continue
      }
      if (this.#to - this.#from < LENGTH_BYTES + length) break
      const at = start + this.#from + LENGTH_BYTES - NET_HEADER_BYTES
      u8.fill(0, at, at + NET_HEADER_BYTES)
      const more = this.#host.plane.ingest(this.#row.index, at, NET_HEADER_BYTES + length, NET_HEADER_BYTES)
      this.#from += LENGTH_BYTES + length
      frames++
      if (!more) return budget
    }
    return frames
  }

  /** Passes over what has come of a frame that cannot be taken. */
  #skip(): void {
    const bytes = Math.min(this.#skipped, this.#to - this.#from)
    this.#from += bytes
    this.#skipped -= bytes
  }
}
