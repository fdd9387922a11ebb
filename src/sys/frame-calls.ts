/**
 * Frames from and to non-blocking descriptors on which a call moves one frame (TAP): what a port asks for, and the plain
 * way to do it, a system call a frame. The other way is frame-rings.ts.
 */
import { EAGAIN, EINTR, errno, libc } from './libc.js'

/** Frames read ahead: each lies in its slot until it is dropped. */
export interface FrameReads {
  /**
   * Reads frames into free slots, so that up to `count` wait. Returns 0, or the negated errno of a descriptor that
   * failed; EAGAIN is no failure.
   */
  read(count: number): number
  /** Most frames that can wait. */
  readonly slots: number
  /** Whether what waits may do so beyond the turn; else all of it must be dropped in this one. */
  readonly keeps: boolean
  /** Frames that wait, oldest first. */
  readonly waiting: number
  /** The slot of one that waits, and its bytes. */
  slot(index: number): number
  bytes(index: number): number
  /** The oldest are no longer needed. */
  drop(count: number): void
  /** Ends reading: no slot is written to any more, and the descriptors may be closed. */
  close(): void
}

/** Frames written in order, by one or many calls. */
export interface FrameWrites {
  /** Most frames of a batch. */
  readonly capacity: number
  add(fd: number, address: number, bytes: number): void
  /** Writes what was added. Returns how many of them failed; the results are there until the next add(). */
  write(): number
  /** What became of one of them: 0 or more, or the negated errno. */
  result(index: number): number
  close(): void
}

/** A call a frame. What waits must be dropped before the next read(): slots are used from the first. */
export class ReadCalls implements FrameReads {
  readonly slots: number
  readonly keeps = false
  readonly #fds: readonly number[]
  readonly #addresses: readonly number[]
  readonly #slotBytes: number
  readonly #lengths: number[]
  #nextQueue = 0
  #waiting = 0
  #error = 0

  /** @param fds served in turn; @param addresses where each slot begins */
  constructor(fds: readonly number[], addresses: readonly number[], slotBytes: number) {
    this.#fds = fds
    this.#addresses = addresses
    this.#slotBytes = slotBytes
    this.slots = addresses.length
    this.#lengths = addresses.map(() => 0)
  }

  get waiting(): number {
    return this.#waiting
  }

  read(count: number): number {
    const most = Math.min(count, this.slots)
    const queues = this.#fds.length
    let empty = 0
    this.#waiting = 0
    this.#error = 0
    while (this.#waiting < most && empty < queues && this.#error === 0) {
      const share = Math.ceil((most - this.#waiting) / queues)
      const got = this.#readQueue(this.#fds[this.#nextQueue++ % queues] as number, share)
      empty = got < share ? empty + 1 : 0
    }
    return this.#error
  }

  #readQueue(fd: number, share: number): number {
    let got = 0
    while (got < share) {
      const bytes = libc.read(fd, this.#addresses[this.#waiting] as number, this.#slotBytes)
      if (bytes < 0) {
        const error = errno()
        if (error === EINTR) continue
        if (error !== EAGAIN) this.#error = -error
        break
      }
      this.#lengths[this.#waiting++] = bytes
      got++
    }
    return got
  }

  slot(index: number): number {
    return index
  }

  bytes(index: number): number {
    return this.#lengths[index] as number
  }

  drop(count: number): void {
    if (count < this.#waiting) throw new Error('frames in shared slots cannot wait')
    this.#waiting = 0
  }

  close(): void {}
}

/** A call a frame; one that would have to wait ends the batch. */
export class WriteCalls implements FrameWrites {
  readonly capacity: number
  readonly #fds: number[]
  readonly #addresses: number[]
  readonly #results: number[]
  #count = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#fds = new Array<number>(capacity).fill(0)
    this.#addresses = [...this.#fds]
    this.#results = [...this.#fds]
  }

  add(fd: number, address: number, bytes: number): void {
    this.#fds[this.#count] = fd
    this.#addresses[this.#count] = address
    this.#results[this.#count++] = bytes
  }

  write(): number {
    let failed = 0
    let isFull = false
    for (let at = 0; at < this.#count; at++) {
      const bytes = this.#results[at] as number
      const result = isFull
        ? -EAGAIN
        : writeOne(this.#fds[at] as number, this.#addresses[at] as number, bytes)
      this.#results[at] = result
      if (result >= 0) continue
      failed++
      if (result === -EAGAIN) isFull = true
    }
    this.#count = 0
    return failed
  }

  result(index: number): number {
    return this.#results[index] as number
  }

  close(): void {}
}

/** Writes one frame. Returns its bytes, or the negated errno. */
export function writeOne(fd: number, address: number, bytes: number): number {
  for (;;) {
    const result = libc.write(fd, address, bytes)
    if (result >= 0) return result
    const error = errno()
    if (error !== EINTR) return -error
  }
}

/** What became of a batch of frames. */
export interface Settled {
  /** Frames that are done with, the first of the batch, and how many of those are lost. */
  readonly done: number
  readonly lost: number
  /** Whether some would have had to wait. */
  readonly waits: boolean
}

/**
 * What became of a batch of `count` frames that were written in order and did not all go. Those that would have had to
 * wait may be tried again, unless one behind them went: order matters more.
 */
export function settle(writes: FrameWrites, count: number): Settled {
  let done = count
  while (done > 0 && writes.result(done - 1) < 0) done--
  while (done < count && writes.result(done) !== -EAGAIN) done++
  let lost = 0
  let waits = false
  for (let at = 0; at < count; at++) {
    const result = writes.result(at)
    if (result < 0 && at < done) lost++
    if (result === -EAGAIN) waits = true
  }
  return { done, lost, waits }
}
