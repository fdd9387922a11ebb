/**
 * Frames from and to non-blocking descriptors by io_uring: a call moves a batch.
 *
 * Reading: the kernel has a ring of free slots, and one lasting request a descriptor: it reads frame after frame, each
 * into a slot of its choice, until there is none or no frame; then it waits for frames beside us and goes on in the next
 * call. Writing: an entry a frame, done within the call; a write that would have to wait is taken back before it returns.
 * Source: io_uring_enter(2), io_uring_prep_read_multishot(3), io_uring_register_buf_ring(3).
 */
import type { FrameReads, FrameWrites } from './frame-calls.js'
import { writeOne } from './frame-calls.js'
import { CQE_HAS_BUFFER, CQE_MORE, IoUring, MAX_CANCEL_CALLS, OP, SQE_BUFFER_SELECT } from './io-uring.js'
import { KeptFrames } from './kept-frames.js'
import { EAGAIN, ECANCELED, ENOBUFS, errnoName } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

/** struct io_uring_buf: address, length, number; the tail of the ring lies in the first one's padding. */
const BUFFER = { WORDS: 4, ADDRESS: 0, BYTES: 2, NUMBER: 3 } as const
const TAIL_BYTE = 14
const GROUP = 0
/** More than a port has descriptors. */
const ENTRIES = 16

export class ReadRing extends KeptFrames implements FrameReads {
  readonly #ring: IoUring
  readonly #fds: readonly number[]
  readonly #slotBytes: number
  readonly #addresses: readonly number[]
  readonly #buffers: NativeBuffer
  readonly #bufferWords: Uint32Array
  readonly #bufferHalves: Uint16Array
  #bufferTail = 0
  /** Whether each descriptor's request lasts. */
  readonly #lasts: boolean[]
  /** The descriptors that were asked anew, in order. */
  readonly #asked: number[]
  #nextQueue = 0
  #error = 0

  /** Returns why it cannot be, where it cannot. @param addresses where each slot begins: a power of two of them */
  static open(fds: readonly number[], addresses: readonly number[], slotBytes: number): ReadRing | string {
    const ring = IoUring.open(ENTRIES, Math.max(ENTRIES, addresses.length) * 2, OP.READ_MULTISHOT)
    return typeof ring === 'string' ? ring : new ReadRing(ring, fds, addresses, slotBytes).#offerAll()
  }

  private constructor(
    ring: IoUring,
    fds: readonly number[],
    addresses: readonly number[],
    slotBytes: number,
  ) {
    super(addresses.length)
    this.#ring = ring
    this.#fds = fds
    this.#addresses = addresses
    this.#slotBytes = slotBytes
    this.#buffers = new NativeBuffer(this.slots * BUFFER.WORDS * 4)
    this.#bufferWords = new Uint32Array(this.#buffers.bytes.buffer)
    this.#bufferHalves = new Uint16Array(this.#buffers.bytes.buffer)
    this.#lasts = fds.map(() => false)
    this.#asked = fds.map(() => 0)
  }

  #offerAll(): ReadRing | string {
    const error = this.#ring.registerBuffers(this.#buffers.address, this.slots, GROUP)
    if (error < 0) {
      this.#ring.close()
      this.#buffers.free()
      return `it takes no ring of buffers (${errnoName(-error)})`
    }
    for (let slot = 0; slot < this.slots; slot++) this.#offer(slot)
    this.#bufferHalves[TAIL_BYTE / 2] = this.#bufferTail
    return this
  }

  /** The kernel may read into a slot, once the tail of its ring says so. */
  #offer(slot: number): void {
    const words = this.#bufferWords
    const at = (this.#bufferTail++ & (this.slots - 1)) * BUFFER.WORDS
    const address = this.#addresses[slot] as number
    words[at + BUFFER.ADDRESS] = address
    words[at + BUFFER.ADDRESS + 1] = address / 0x1_0000_0000
    words[at + BUFFER.BYTES] = this.#slotBytes
    this.#bufferHalves[(at + BUFFER.NUMBER) * 2] = slot
  }

  /** Who is asked first changes from call to call: one descriptor can fill all slots. */
  read(count: number): number {
    if (this.waiting >= count) return 0
    const queues = this.#fds.length
    const asked = this.#asked
    let requests = 0
    for (let turn = 0; turn < queues; turn++) {
      const queue = this.#nextQueue++ % queues
      if (this.#lasts[queue]) continue
      this.#lasts[queue] = true
      asked[requests++] = queue
      this.#ring.add({
        op: OP.READ_MULTISHOT,
        flags: SQE_BUFFER_SELECT,
        fd: this.#fds[queue] as number,
        tag: queue,
        group: GROUP,
      })
    }
    if (queues > 1) this.#nextQueue++
    this.#error = 0
    const taken = Math.max(0, this.#ring.enter())
    for (let at = taken; at < requests; at++) this.#lasts[asked[at] as number] = false
    this.#reap()
    return this.#error
  }

  /** Takes what the kernel has read. */
  #reap(): void {
    const ring = this.#ring
    const count = ring.completed
    for (let index = 0; index < count; index++) {
      const tag = ring.tag(index)
      const result = ring.result(index)
      const flags = ring.flags(index)
      if ((flags & CQE_MORE) === 0) this.#lasts[tag] = false
      if ((flags & CQE_HAS_BUFFER) !== 0) this.keep(flags >>> 16, Math.max(0, result))
      else if (result < 0 && result !== -ENOBUFS) this.#error = result
    }
    ring.drop(count)
  }

  drop(count: number): void {
    for (let index = 0; index < count; index++) this.#offer(this.slot(index))
    this.#bufferHalves[TAIL_BYTE / 2] = this.#bufferTail
    this.forget(count)
  }

  /**
   * A request that lasts holds its descriptor's file open and may write into slots: each is stopped, and has said so, before
   * this returns.
   */
  close(): void {
    for (let calls = 0; calls < MAX_CANCEL_CALLS && this.#lasts.includes(true); calls++) {
      this.#ring.cancelAll()
      this.#ring.enter()
      this.#reap()
    }
    this.#ring.close()
    this.#buffers.free()
  }
}

export class WriteRing implements FrameWrites {
  readonly capacity: number
  readonly #ring: IoUring
  readonly #results: Int32Array
  #count = 0
  /** Frames of the batch of whose end the kernel has not told. */
  #pending = 0
  #failed = 0
  /** The frame that was added last: alone, it is written by a plain call. */
  #fd = -1
  #address = 0
  #bytes = 0

  /** Returns why it cannot be, where it cannot. @param capacity a power of two */
  static open(capacity: number): WriteRing | string {
    const ring = IoUring.open(capacity, capacity, OP.WRITE)
    return typeof ring === 'string' ? ring : new WriteRing(ring, capacity)
  }

  private constructor(ring: IoUring, capacity: number) {
    this.#ring = ring
    this.capacity = capacity
    this.#results = new Int32Array(capacity)
    for (let entry = 0; entry < capacity; entry++) ring.add({ op: OP.WRITE, fd: -1, tag: entry })
    ring.forget()
  }

  add(fd: number, address: number, bytes: number): void {
    this.#ring.addAgain(fd, address, bytes, this.#count++)
    this.#fd = fd
    this.#address = address
    this.#bytes = bytes
  }

  write(): number {
    const count = this.#count
    this.#count = 0
    if (count === 1) {
      this.#ring.forget()
      this.#results[0] = writeOne(this.#fd, this.#address, this.#bytes)
      return (this.#results[0] as number) < 0 ? 1 : 0
    }
    const taken = this.#ring.enter()
    this.#pending = Math.max(0, taken)
    this.#failed = count - this.#pending
    if (taken < count) this.#results.fill(taken < 0 ? taken : -EAGAIN, this.#pending, count)
    this.#reap()
    if (this.#pending > 0) this.#endPending()
    return this.#failed
  }

  #reap(): void {
    const ring = this.#ring
    const count = ring.completed
    for (let index = 0; index < count; index++) {
      const tag = ring.tag(index)
      const result = ring.result(index)
      this.#results[tag] = result === -ECANCELED ? -EAGAIN : result
      if (result < 0) this.#failed++
      this.#pending--
    }
    ring.drop(count)
  }

  /** The kernel has the bytes of a write that waits: none does when a batch is over. */
  #endPending(): void {
    for (let calls = 0; calls < MAX_CANCEL_CALLS && this.#pending > 0; calls++) {
      this.#ring.cancelAll()
      this.#ring.enter()
      this.#reap()
    }
  }

  result(index: number): number {
    return this.#results[index] as number
  }

  close(): void {
    this.#ring.close()
  }
}
