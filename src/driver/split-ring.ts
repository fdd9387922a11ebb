/**
 * The driver's side of a split virtqueue.
 *
 *   descriptor table   address, length, flags, next      written here, read by the device
 *   available ring     flags | idx | heads... | used_event       written here
 *   used ring          flags | idx | (id, length)... | avail_event    written by the device
 *
 * Indices run free in u16. The available index is stored, and the used index and the event index are
 * loaded, with Atomics: these are sequentially consistent, so the store of `idx` is visible before
 * `avail_event` is read, which is the full fence that the protocol wants there. Free descriptors are kept
 * in private arrays: what lies in shared memory is never read back for a decision.
 * Source: virtio 1.3, 2.7.
 */
import {
  DESCRIPTOR_BYTES,
  MAX_VRING_SIZE,
  needEvent,
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_DESC_F,
  VIRTQ_USED_F_NO_NOTIFY,
} from '../virtio/virtio.js'
import type { DriverMemory } from './driver-memory.js'
import type { GuestMemory } from './guest-memory.js'

/** Apart by more than a cache line pair, so that driver and device do not share lines by accident. */
const PART_ALIGN = 128
const HIGH = 2 ** 32

/** What was negotiated for a ring. */
export interface RingOptions {
  /** Whether VIRTIO_F_EVENT_IDX was negotiated. */
  readonly eventIdx?: boolean
  /** Entries of each indirect table; 0 (the default) when INDIRECT_DESC was not negotiated. */
  readonly indirectEntries?: number
}

/** A split virtqueue, the driver's side. Source: virtio 1.3, 2.7. */
export class SplitRing<Memory extends DriverMemory = GuestMemory> {
  readonly memory: Memory
  readonly size: number
  /** Guest physical addresses of the three parts. */
  readonly desc: number
  readonly avail: number
  readonly used: number
  readonly eventIdx: boolean
  /** A number per head for the user of the ring; neither read nor changed here. */
  readonly tokens: Int32Array
  /** The length that the device gave with the chain of the last takeUsed, in bytes. */
  usedLength = 0
  /** Used entries that named no chain in flight: errors of the device. */
  invalidUsed = 0

  readonly #u16: Uint16Array
  readonly #u32: Uint32Array
  readonly #mask: number
  /** Positions in the typed arrays: u32 of the descriptor table and used entries, u16 of the rest. */
  readonly #descAt: number
  readonly #availAt: number
  readonly #usedAt: number
  readonly #usedEntriesAt: number
  readonly #indirect: number
  readonly #indirectAt: number
  readonly #indirectEntries: number

  readonly #next: Uint16Array
  /** Descriptors of the chain at each head, 0 when none. */
  readonly #chain: Uint16Array
  /** 1 while the device has the chain of a head. */
  readonly #inFlight: Uint8Array
  #freeHead = 0
  #freeCount: number

  #availIdx = 0
  #kickedIdx = 0
  #lastUsed = 0
  /** The used index as last loaded. */
  #seenUsed = 0

  readonly #stagedAddress: Float64Array
  readonly #stagedLength: Uint32Array
  readonly #stagedWritable: Uint8Array
  #staged = 0

  /** @param size entries, a power of two up to 32768 */
  constructor(memory: Memory, size: number, options: RingOptions = {}) {
    if (size < 1 || size > MAX_VRING_SIZE || (size & (size - 1)) !== 0)
      throw new RangeError(`ring size ${size} is no power of two up to ${MAX_VRING_SIZE}`)
    this.memory = memory
    this.size = size
    this.eventIdx = options.eventIdx ?? false
    this.desc = memory.allocate(size * DESCRIPTOR_BYTES, PART_ALIGN)
    this.avail = memory.allocate(6 + size * 2, PART_ALIGN)
    this.used = memory.allocate(6 + size * 8, PART_ALIGN)
    this.#indirectEntries = options.indirectEntries ?? 0
    this.#indirect =
      this.#indirectEntries > 0 ? memory.allocate(size * this.#indirectEntries * DESCRIPTOR_BYTES) : 0
    this.#u16 = memory.u16
    this.#u32 = memory.u32
    this.#mask = size - 1
    this.#availAt = memory.offsetOf(this.avail) / 2
    this.#usedAt = memory.offsetOf(this.used) / 2
    this.#usedEntriesAt = (memory.offsetOf(this.used) + 4) / 4
    this.#descAt = memory.offsetOf(this.desc) / 4
    this.#indirectAt = this.#indirectEntries > 0 ? memory.offsetOf(this.#indirect) / 4 : 0
    this.tokens = new Int32Array(size)
    this.#next = Uint16Array.from({ length: size }, (_, i) => i + 1)
    this.#chain = new Uint16Array(size)
    this.#inFlight = new Uint8Array(size)
    this.#freeCount = size
    const room = Math.max(size, this.#indirectEntries)
    this.#stagedAddress = new Float64Array(room)
    this.#stagedLength = new Uint32Array(room)
    this.#stagedWritable = new Uint8Array(room)
  }

  /** Free descriptors. */
  get freeCount(): number {
    return this.#freeCount
  }

  /** The available index up to which chains have been added (published or not). */
  get availIdx(): number {
    return this.#availIdx
  }

  /**
   * Starts indices elsewhere than at 0: after a reconnection, or near the wrap in a test. Only while no
   * chain is in flight. Both indices become `index`.
   */
  resetIndices(index: number): void {
    this.#availIdx = this.#kickedIdx = this.#lastUsed = this.#seenUsed = index & 0xffff
    Atomics.store(this.#u16, this.#availAt + 1, this.#availIdx)
    Atomics.store(this.#u16, this.#usedAt + 1, this.#availIdx)
  }

  /** Stages one buffer of the chain that the next commit makes. Readable buffers come first. */
  stage(gpa: number, lengthBytes: number, writable: boolean): void {
    if (this.#staged >= this.#stagedLength.length) throw new RangeError('more buffers than a chain can have')
    this.#stagedAddress[this.#staged] = gpa
    this.#stagedLength[this.#staged] = lengthBytes
    this.#stagedWritable[this.#staged] = writable ? VIRTQ_DESC_F.WRITE : 0
    this.#staged++
  }

  /**
   * Makes the staged buffers one chain and adds it, unpublished. Returns its head, or -1 when there are not
   * enough descriptors (the staged buffers are then dropped).
   * @param indirect put the chain into the head's indirect table
   */
  commit(indirect = false): number {
    const count = this.#staged
    this.#staged = 0
    if (count === 0) throw new RangeError('a chain has at least one buffer')
    if (indirect) return this.#commitIndirect(count)
    if (count > this.#freeCount) return -1
    const head = this.#freeHead
    let index = head
    for (let i = 0; i < count; i++) {
      const next = this.#next[index]!
      const last = i === count - 1
      const flags = this.#stagedWritable[i]! | (last ? 0 : VIRTQ_DESC_F.NEXT)
      this.#write(this.#descAt + index * 4, i, flags, last ? 0 : next)
      if (last) this.#freeHead = next
      index = next
    }
    this.#freeCount -= count
    this.#chain[head] = count
    this.#put(head)
    return head
  }

  #commitIndirect(count: number): number {
    if (count > this.#indirectEntries)
      throw new RangeError(`${count} buffers, and ${this.#indirectEntries} entries in an indirect table`)
    if (this.#freeCount === 0) return -1
    const head = this.#freeHead
    const table = head * this.#indirectEntries
    for (let i = 0; i < count; i++) {
      const last = i === count - 1
      const flags = this.#stagedWritable[i]! | (last ? 0 : VIRTQ_DESC_F.NEXT)
      this.#write(this.#indirectAt + (table + i) * 4, i, flags, last ? 0 : i + 1)
    }
    this.#stagedAddress[0] = this.#indirect + table * DESCRIPTOR_BYTES
    this.#stagedLength[0] = count * DESCRIPTOR_BYTES
    this.#write(this.#descAt + head * 4, 0, VIRTQ_DESC_F.INDIRECT, 0)
    this.#freeHead = this.#next[head]!
    this.#freeCount--
    this.#chain[head] = 1
    this.#put(head)
    return head
  }

  /** Writes the staged buffer `i` as the descriptor at a u32 position. */
  #write(at: number, i: number, flags: number, next: number): void {
    const address = this.#stagedAddress[i]!
    this.#u32[at] = address
    this.#u32[at + 1] = address / HIGH
    this.#u32[at + 2] = this.#stagedLength[i]!
    this.#u32[at + 3] = flags | (next << 16)
  }

  #put(head: number): void {
    this.#inFlight[head] = 1
    this.#u16[this.#availAt + 2 + (this.#availIdx & this.#mask)] = head
    this.#availIdx = (this.#availIdx + 1) & 0xffff
  }

  /**
   * Adds a chain of readable, then writable buffers, each list flat: [gpa, bytes, gpa, bytes, ...].
   * Returns the head, or -1 when full.
   */
  add(readable: ArrayLike<number>, writable: ArrayLike<number> = [], indirect = false): number {
    for (let i = 0; i + 1 < readable.length; i += 2) this.stage(readable[i]!, readable[i + 1]!, false)
    for (let i = 0; i + 1 < writable.length; i += 2) this.stage(writable[i]!, writable[i + 1]!, true)
    return this.commit(indirect)
  }

  /** Adds a chain of one buffer. Returns the head, or -1 when full. */
  addOne(gpa: number, lengthBytes: number, writable: boolean): number {
    this.stage(gpa, lengthBytes, writable)
    return this.commit()
  }

  /** Adds a chain again that takeUsed returned, with the descriptors that it had. Unpublished. */
  post(head: number): void {
    this.#put(head)
  }

  /** Gives the descriptors of a chain back that takeUsed returned. */
  release(head: number): void {
    const count = this.#chain[head]!
    if (count === 0 || this.#inFlight[head] === 1)
      throw new RangeError(`descriptor ${head} heads no chain that the device has given back`)
    let last = head
    for (let i = 1; i < count; i++) last = this.#next[last]!
    this.#next[last] = this.#freeHead
    this.#freeHead = head
    this.#freeCount += count
    this.#chain[head] = 0
  }

  /** Makes all added chains visible to the device. */
  publish(): void {
    Atomics.store(this.#u16, this.#availAt + 1, this.#availIdx)
  }

  /** Whether the device wants a kick for what was published since this was asked last. */
  needsKick(): boolean {
    const old = this.#kickedIdx
    const now = this.#availIdx
    if (old === now) return false
    this.#kickedIdx = now
    if (!this.eventIdx) return (Atomics.load(this.#u16, this.#usedAt) & VIRTQ_USED_F_NO_NOTIFY) === 0
    return needEvent(Atomics.load(this.#u16, this.#usedAt + 2 + this.size * 4), now, old)
  }

  /** Whether the device has completed chains that were not taken yet. */
  hasUsed(): boolean {
    if (this.#lastUsed !== this.#seenUsed) return true
    this.#seenUsed = Atomics.load(this.#u16, this.#usedAt + 1)
    return this.#lastUsed !== this.#seenUsed
  }

  /**
   * Takes one completed chain: returns its head (then release or post it) and leaves its length in
   * usedLength; -1 when there is none. Entries that name no chain in flight are
   * counted and skipped.
   */
  takeUsed(): number {
    while (this.hasUsed()) {
      const at = this.#usedEntriesAt + (this.#lastUsed & this.#mask) * 2
      const head = this.#u32[at]!
      this.usedLength = this.#u32[at + 1]!
      this.#lastUsed = (this.#lastUsed + 1) & 0xffff
      if (head < this.size && this.#inFlight[head] === 1) {
        this.#inFlight[head] = 0
        return head
      }
      this.invalidUsed++
    }
    return -1
  }

  /** Completed chains that wait to be taken. */
  usedCount(): number {
    this.#seenUsed = Atomics.load(this.#u16, this.#usedAt + 1)
    return (this.#seenUsed - this.#lastUsed) & 0xffff
  }

  /**
   * Asks for a call when the device completes the next chain. Returns true when chains were completed
   * before that took effect: no call will come for them, so take them now.
   */
  armCalls(): boolean {
    if (this.eventIdx) Atomics.store(this.#u16, this.#availAt + 2 + this.size, this.#lastUsed)
    else Atomics.store(this.#u16, this.#availAt, 0)
    return this.hasUsed()
  }

  /** Asks for no calls: a hint. With event indices one call may still come in 65536 completions. */
  disarmCalls(): void {
    if (this.eventIdx) Atomics.store(this.#u16, this.#availAt + 2 + this.size, (this.#lastUsed - 1) & 0xffff)
    else Atomics.store(this.#u16, this.#availAt, VIRTQ_AVAIL_F_NO_INTERRUPT)
  }

  /**
   * For generators: the chains added so far to a fresh ring, none of them published, are repeated in order from now on;
   * the available ring is written once. Afterwards only publishInOrder and reclaimInOrder are used, and the device
   * must complete in order, which is not checked: nothing of the used entries is read.
   * Returns how many chains there are: a power of two, so that the ring's indices may wrap.
   */
  repeatInOrder(): number {
    const chains = this.#availIdx
    if (chains === 0 || (chains & (chains - 1)) !== 0)
      throw new RangeError(`${chains} chains cannot be repeated: their number is no power of two`)
    for (let i = chains; i < this.size; i++)
      this.#u16[this.#availAt + 2 + i] = this.#u16[this.#availAt + 2 + (i & (chains - 1))]!
    this.#availIdx = 0
    return chains
  }

  /** Publishes the next `count` chains of repeatInOrder; the caller knows that they are free. */
  publishInOrder(count: number): void {
    this.#availIdx = (this.#availIdx + count) & 0xffff
    Atomics.store(this.#u16, this.#availAt + 1, this.#availIdx)
  }

  /** Takes all completed chains without looking at them. Returns how many. */
  reclaimInOrder(): number {
    const count = this.usedCount()
    this.#lastUsed = this.#seenUsed
    return count
  }
}
