/** Frames that a program hands to a port: as if they came from it, or as what leaves by it and nowhere else. */
import type { CapturedOffload } from '../core/capture-ring.js'
import { MAX_FRAME_BYTES, NET_HEADER_BYTES, STAGE_AT } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { writeNetHeader } from '../driver/net-header.js'
import { RingferryError } from '../errors/errors.js'
import type { Calls } from './calls.js'
import type { Containment } from './containment.js'
import type { PortTable } from './port-table.js'

/**
 * from: as if it came from the port, with all checks of what comes from there; to: it leaves by the port, as what the bridge
 * sends there does.
 */
export type InjectionWay = 'from' | 'to'

/** A frame for a port, and what its receivers have to do with it. */
export interface InjectedFrame {
  readonly data: Uint8Array
  readonly offload?: CapturedOffload
}

/** Frames and bytes that the engine takes at once: a burst. */
export const MAX_INJECTED_FRAMES = 64
export const MAX_INJECTED_BYTES = 262_144
const NEEDS_CSUM = 1

export class Injection {
  readonly #memory: LinearMemory
  readonly #plane: Plane
  readonly #table: PortTable
  readonly #containment: Containment
  readonly #calls: Calls

  constructor(memory: LinearMemory, plane: Plane, table: PortTable, containment: Containment, calls: Calls) {
    this.#memory = memory
    this.#plane = plane
    this.#table = table
    this.#containment = containment
    this.#calls = calls
  }

  /** Hands frames to a port. Throws NOT_FOUND, or USAGE for more than a burst or a frame that is too long. */
  inject(name: string, way: InjectionWay, frames: readonly InjectedFrame[]): void {
    const port = this.#table.get(name)
    const bytes = frames.reduce((sum, { data }) => sum + data.length, 0)
    if (frames.length > MAX_INJECTED_FRAMES || bytes > MAX_INJECTED_BYTES)
      throw new RingferryError(
        'USAGE',
        `port ${name}: at most ${MAX_INJECTED_FRAMES} frames and ${MAX_INJECTED_BYTES} bytes can be injected at once`,
      )
    const long = frames.find(({ data }) => data.length > MAX_FRAME_BYTES)
    if (long)
      throw new RingferryError(
        'USAGE',
        `port ${name}: a frame has ${long.data.length} bytes, at most ${MAX_FRAME_BYTES}`,
      )
    this.#containment.run(
      port,
      ({ index }) => {
        for (const frame of frames) this.#give(index, way, frame)
        this.#plane.publish()
        return frames.length
      },
      0,
    )
    this.#calls.send()
  }

  #give(index: number, way: InjectionWay, { data, offload }: InjectedFrame): void {
    const bytes = NET_HEADER_BYTES + data.length
    writeNetHeader(
      this.#memory,
      STAGE_AT,
      NET_HEADER_BYTES,
      offload && {
        flags: NEEDS_CSUM,
        csumStart: offload.checksum.start,
        csumOffset: offload.checksum.offset,
        gsoType: offload.gso?.type ?? 0,
        gsoSize: offload.gso?.sizeBytes ?? 0,
      },
    )
    this.#memory.u8.set(data, STAGE_AT + NET_HEADER_BYTES)
    if (way === 'to') this.#plane.send(index, STAGE_AT, bytes, NET_HEADER_BYTES)
    // A burst that has cost enough is published; the next one begins.
    else if (this.#plane.ingest(index, STAGE_AT, bytes, NET_HEADER_BYTES) === 0) this.#plane.publish()
  }
}
