import { frameBytes } from '../core/byte-ring.js'
import { RECORD_FRAME } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { memoryAddress } from '../grants/memory-address.js'
import { errno, libc } from '../sys/libc.js'
import { NativeBuffer } from '../sys/native-buffer.js'
import type { HostOutput } from './host-output.js'
import { LENGTH_BYTES } from './stream-input.js'

const MAX_VECTORS = 64
const IOVEC_WORDS = 4

/** Queued frames on their way into a stream, each behind its length: many by one call, the last one perhaps in parts. */
export class StreamOutput {
  readonly #memory: LinearMemory
  readonly #output: HostOutput
  readonly #vectors = new NativeBuffer(MAX_VECTORS * IOVEC_WORDS * 4)
  readonly #words = new Uint32Array(this.#vectors.bytes.buffer)
  #count = 0
  /** Bytes of the oldest record, its length included, that were written already. */
  #written = 0

  constructor(memory: LinearMemory, output: HostOutput) {
    this.#memory = memory
    this.#output = output
  }

  free(): void {
    this.#vectors.free()
  }

  /** A new peer begins: it gets the oldest record from its first byte. */
  reset(): void {
    this.#written = 0
  }

  /**
   * Points the vectors at the oldest records, each with its length in front: in the last bytes of the
   * virtio-net header, which a stream has no use for. Returns their bytes.
   */
  gather(): number {
    const { data } = this.#memory
    const address = memoryAddress(this.#memory)
    this.#count = Math.min(this.#output.count, MAX_VECTORS)
    let total = 0
    let record = this.#output.first()
    for (let index = 0; index < this.#count; index++) {
      if (index > 0) record = this.#output.next(record)
      const sizeBytes = frameBytes(this.#memory, record)
      data.setUint32(record + RECORD_FRAME - LENGTH_BYTES, sizeBytes, false)
      const done = index === 0 ? this.#written : 0
      const at = address + record + RECORD_FRAME - LENGTH_BYTES + done
      this.#words[index * IOVEC_WORDS] = at
      this.#words[index * IOVEC_WORDS + 1] = at / 0x1_0000_0000
      this.#words[index * IOVEC_WORDS + 2] = LENGTH_BYTES + sizeBytes - done
      total += LENGTH_BYTES + sizeBytes - done
    }
    return total
  }

  /** Writes what was gathered. Returns the bytes, or the negated errno. */
  write(fd: number): number {
    const bytes = libc.writev(fd, this.#vectors.address, this.#count)
    return bytes < 0 ? -errno() : bytes
  }

  /** Takes away what was written. Returns the frames that are complete. */
  take(bytes: number): number {
    let frames = 0
    this.#written += bytes
    while (this.#written > 0) {
      const record = this.#output.first()
      const whole = LENGTH_BYTES + frameBytes(this.#memory, record)
      if (this.#written < whole) break
      this.#written -= whole
      this.#output.pop(1)
      frames++
    }
    return frames
  }
}
