/** Most bytes of a packet or block: a longer one is a broken file. */
export const MAX_BLOCK_BYTES = 16 * 1024 * 1024

/** Takes bytes from a stream in the portions that a format wants. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Whether bytes are left that were asked for in vain. */
  get hasRest(): boolean {
    return this.#rest.length > 0
  }

  /** The next bytes without taking them; undefined when the stream ends before. */
  async peek(count: number): Promise<Buffer | undefined> {
    if (this.#rest.length < count) {
      const parts = [this.#rest]
      let have = this.#rest.length
      while (have < count) {
        const { done, value } = await this.#chunks.next()
        if (done === true) break
        parts.push(Buffer.from(value.buffer, value.byteOffset, value.length))
        have += value.length
      }
      this.#rest = Buffer.concat(parts)
    }
    return this.#rest.length < count ? undefined : this.#rest.subarray(0, count)
  }

  /** Takes the next bytes; undefined when the stream ends before. */
  async take(count: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(count)
    if (bytes) this.#rest = this.#rest.subarray(count)
    return bytes
  }
}
