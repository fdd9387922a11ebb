import { expect } from 'vitest'
import type { GuestMemory } from '../../src/driver/guest-memory.js'
import type { SplitRing } from '../../src/driver/split-ring.js'
import { needEvent, VIRTQ_DESC_F } from '../../src/virtio/virtio.js'

export interface Chain {
  head: number
  indirect: boolean
  readable: number[]
  writable: number[]
  /** Bytes of the readable buffers, joined. */
  bytes: Uint8Array
}

/** The device's side of a split ring, written down from the text of the specification. */
export class PlainDevice {
  nextAvail: number
  #usedIdx: number
  calls = 0
  readonly ring: SplitRing
  readonly memory: GuestMemory
  constructor(ring: SplitRing) {
    this.ring = ring
    this.memory = ring.memory
    this.nextAvail = this.#u16(ring.used + 2)
    this.#usedIdx = this.nextAvail
  }
  #u16(gpa: number): number {
    return this.memory.data.getUint16(this.memory.offsetOf(gpa), true)
  }
  #set16(gpa: number, value: number): void {
    this.memory.data.setUint16(this.memory.offsetOf(gpa), value, true)
  }
  take(): Chain | undefined {
    const { ring, memory } = this
    if (this.nextAvail === this.#u16(ring.avail + 2)) return undefined
    const head = this.#u16(ring.avail + 4 + (this.nextAvail % ring.size) * 2)
    this.nextAvail = (this.nextAvail + 1) & 0xffff
    const chain: Chain = { head, indirect: false, readable: [], writable: [], bytes: new Uint8Array(0) }
    let table = ring.desc
    let index = head
    for (;;) {
      const at = memory.offsetOf(table + index * 16)
      const gpa = Number(memory.data.getBigUint64(at, true))
      const length = memory.data.getUint32(at + 8, true)
      const flags = memory.data.getUint16(at + 12, true)
      if ((flags & VIRTQ_DESC_F.INDIRECT) !== 0) {
        expect(flags).toBe(VIRTQ_DESC_F.INDIRECT)
        chain.indirect = true
        table = gpa
        index = 0
        continue
      }
      const writable = (flags & VIRTQ_DESC_F.WRITE) !== 0
      if (!writable) expect(chain.writable).toEqual([])
      chain[writable ? 'writable' : 'readable'].push(gpa, length)
      if ((flags & VIRTQ_DESC_F.NEXT) === 0) break
      index = memory.data.getUint16(at + 14, true)
    }
    const parts: Uint8Array[] = []
    for (let i = 0; i < chain.readable.length; i += 2) {
      const at = memory.offsetOf(chain.readable[i]!)
      parts.push(memory.u8.slice(at, at + chain.readable[i + 1]!))
    }
    chain.bytes = new Uint8Array(Buffer.concat(parts))
    return chain
  }
  /** Writes bytes into the writable buffers of a chain. */
  fill(chain: Chain, bytes: Uint8Array): void {
    let done = 0
    for (let i = 0; i < chain.writable.length && done < bytes.length; i += 2) {
      const part = bytes.subarray(done, done + chain.writable[i + 1]!)
      this.memory.u8.set(part, this.memory.offsetOf(chain.writable[i]!))
      done += part.length
    }
    expect(done).toBe(bytes.length)
  }
  /** Publishes used entries together and calls when the driver wants it. */
  complete(...entries: [id: number, length: number][]): void {
    const old = this.#usedIdx
    for (const [id, length] of entries) {
      const at = this.memory.offsetOf(this.ring.used + 4 + (this.#usedIdx % this.ring.size) * 8)
      this.memory.data.setUint32(at, id, true)
      this.memory.data.setUint32(at + 4, length, true)
      this.#usedIdx = (this.#usedIdx + 1) & 0xffff
    }
    this.#set16(this.ring.used + 2, this.#usedIdx)
    const wanted = this.ring.eventIdx
      ? needEvent(this.#u16(this.ring.avail + 4 + this.ring.size * 2), this.#usedIdx, old)
      : this.#u16(this.ring.avail) === 0
    if (wanted) this.calls++
  }
  suppressKicks(on: boolean): void {
    if (this.ring.eventIdx)
      this.#set16(
        this.ring.used + 4 + this.ring.size * 8,
        on ? (this.nextAvail - 1) & 0xffff : this.nextAvail,
      )
    else this.#set16(this.ring.used, on ? 1 : 0)
  }
}
