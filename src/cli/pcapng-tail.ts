import { Transform, type TransformCallback } from 'node:stream'
import { BLOCK } from '../capture/pcapng.js'

const [HEAD_BYTES, OPTION_COMMENT] = [8, 1]

/** Passes a pcapng stream of ours on in whole blocks, so that it may end anywhere, and keeps what was said of it last. */
export class PcapngTail extends Transform {
  #rest: Buffer = Buffer.alloc(0)
  #frames = 0
  #said = ''

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUInt32LE(at + 4)
      if (bytes.length - at < length) break
      this.#note(bytes.subarray(at, at + length))
      at += length
    }
    this.#rest = bytes.subarray(at)
    done(null, bytes.subarray(0, at))
  }

  #note(block: Buffer): void {
    const type = block.readUInt32LE(0)
    if (type === BLOCK.enhanced) this.#frames++
    if (type !== BLOCK.statistics || block.readUInt16LE(20) !== OPTION_COMMENT) return
    this.#said = block.subarray(24, 24 + block.readUInt16LE(22)).toString('utf8')
  }

  /** Passed on so far. */
  get frames(): number {
    return this.#frames
  }

  /** How the capture ended: as the switch says, or how many frames came. */
  get summary(): string {
    return this.#said === '' ? `${this.#frames} frames captured` : this.#said
  }
}
