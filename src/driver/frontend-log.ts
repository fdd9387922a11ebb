/** The log of a live migration from the frontend's side: a memory file with a bit for each 4 KB page of guest memory. */
import { createMemfd, mapShared } from '../sys/memory-map.js'
import { NativeBuffer, PAGE_BYTES } from '../sys/native-buffer.js'
import { closeFd } from '../sys/unix-socket.js'

const PAGES_PER_WORD = 32
const PAGES_PER_BYTE = 8

export class FrontendLog {
  readonly fd: number
  readonly fileOffset = 0
  readonly sizeBytes: number
  readonly #mapping: NativeBuffer
  readonly #words: Uint32Array

  /** @param endAddress guest address behind the last byte that it tells of */
  constructor(endAddress: number) {
    // Whole words of 64 bits, as QEMU has them.
    this.sizeBytes = Math.ceil(endAddress / PAGE_BYTES / PAGES_PER_BYTE / 8) * 8
    const bytes = Math.ceil(this.sizeBytes / PAGE_BYTES) * PAGE_BYTES
    this.fd = createMemfd('ringferry-log', bytes)
    this.#mapping = new NativeBuffer(bytes)
    mapShared(this.#mapping.address, bytes, this.fd, 0)
    this.#words = new Uint32Array(this.#mapping.bytes.buffer, 0, this.sizeBytes / 4)
  }

  /** Takes the marks: guest page numbers, in order. Safe while the backend sets more. */
  take(): number[] {
    const pages: number[] = []
    for (let word = 0; word < this.#words.length; word++) {
      if (this.#words[word] === 0) continue
      const bits = Atomics.exchange(this.#words, word, 0)
      for (let bit = 0; bit < PAGES_PER_WORD; bit++)
        if ((bits >>> bit) & 1) pages.push(word * PAGES_PER_WORD + bit)
    }
    return pages
  }

  close(): void {
    this.#mapping.free()
    closeFd(this.fd)
  }
}
