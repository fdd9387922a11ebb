/**
 * Frames from non-blocking descriptors by io_uring, on kernels that have no lasting request to read (before 6.7). A plain call
 * asks whether there is one; then an entry a frame, as many as came the last time, all done within one call. Entries that
 * found no frame wait in the kernel; they are taken back before read() returns, so that no slot is written to between two reads.
 * Source: io_uring_enter(2), io_uring_prep_read(3).
 */
import type { FrameReads } from './frame-calls.js'
import { IoUring, MAX_CANCEL_CALLS, OP } from './io-uring.js'
import { KeptFrames } from './kept-frames.js'
import { EAGAIN, ECANCELED, EINTR, errno, libc } from './libc.js'

/** Fewer frames are read by a call each. */
const FEW = 8
/** More are asked for after another plain call: entries that find no frame cost more than it. */
const MANY = 16

export class ReadBatches extends KeptFrames implements FrameReads {
  readonly #ring: IoUring
  readonly #fds: readonly number[]
  readonly #addresses: readonly number[]
  readonly #slotBytes: number
  /** Frames that each descriptor had the last time. */
  readonly #last: number[]
  #nextQueue = 0
  readonly #asked: Uint16Array
  readonly #free: number[]
  #error = 0

  /** Returns why it cannot be, where it cannot. @param addresses where each slot begins: a power of two of them */
  static open(fds: readonly number[], addresses: readonly number[], slotBytes: number): ReadBatches | string {
    const ring = IoUring.open(addresses.length, addresses.length, OP.READ)
    return typeof ring === 'string' ? ring : new ReadBatches(ring, fds, addresses, slotBytes)
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
    this.#last = fds.map(() => 0)
    this.#asked = new Uint16Array(this.slots)
    this.#free = addresses.map((_, slot) => slot)
    for (let entry = 0; entry < this.slots; entry++) ring.add({ op: OP.READ, fd: -1, tag: entry })
    ring.forget()
  }

  /** Who is asked first changes from call to call; none takes the share of those behind it. */
  read(count: number): number {
    const queues = this.#fds.length
    this.#error = 0
    for (let turn = 0; turn < queues && this.waiting < count; turn++) {
      const share = Math.ceil((count - this.waiting) / (queues - turn))
      const queue = this.#nextQueue++ % queues
      this.#last[queue] = this.#readQueue(this.#fds[queue] as number, share, this.#last[queue] as number)
    }
    if (queues > 1) this.#nextQueue++
    return this.#error
  }

  /** Returns how many frames it got. @param last how many it got the last time */
  #readQueue(fd: number, share: number, last: number): number {
    const before = this.waiting
    let got = 0
    while (got < share && this.#readOne(fd)) {
      got++
      const expected = got < last ? last - got : got > last ? got : 0
      const wanted = Math.min(share - got, expected, MANY)
      const isAll = wanted < FEW || this.#readMany(fd, wanted)
      got = this.waiting - before
      if (!isAll) break
    }
    return got
  }

  /** Returns whether there was a frame. */
  #readOne(fd: number): boolean {
    const slot = this.#free.pop() as number
    let bytes = libc.read(fd, this.#addresses[slot] as number, this.#slotBytes)
    while (bytes < 0 && errno() === EINTR)
      bytes = libc.read(fd, this.#addresses[slot] as number, this.#slotBytes)
    if (bytes >= 0) this.keep(slot, bytes)
    else this.#refuse(slot, -errno())
    return bytes >= 0
  }

  /** Returns whether there were so many frames. */
  #readMany(fd: number, wanted: number): boolean {
    const ring = this.#ring
    for (let index = 0; index < wanted; index++) {
      const slot = this.#free.pop() as number
      this.#asked[index] = slot
      ring.addAgain(fd, this.#addresses[slot] as number, this.#slotBytes, slot)
    }
    const taken = Math.max(0, ring.enter())
    for (let index = taken; index < wanted; index++) this.#free.push(this.#asked[index] as number)
    const before = this.waiting
    let pending = taken - this.#reap()
    for (let calls = 0; calls < MAX_CANCEL_CALLS && pending > 0; calls++) {
      ring.cancelAll()
      ring.enter()
      pending -= this.#reap()
    }
    return this.waiting - before === wanted
  }

  /** Takes what came of entries. Returns of how many. */
  #reap(): number {
    const ring = this.#ring
    const count = ring.completed
    for (let index = 0; index < count; index++) {
      const result = ring.result(index)
      if (result >= 0) this.keep(ring.tag(index), result)
      else this.#refuse(ring.tag(index), result)
    }
    ring.drop(count)
    return count
  }

  #refuse(slot: number, error: number): void {
    this.#free.push(slot)
    if (error !== -EAGAIN && error !== -ECANCELED) this.#error = error
  }

  drop(count: number): void {
    for (let index = 0; index < count; index++) this.#free.push(this.slot(index))
    this.forget(count)
  }

  close(): void {
    this.#ring.close()
  }
}
