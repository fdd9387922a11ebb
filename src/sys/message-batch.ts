/**
 * Batches of messages on sockets of any family. Structures are written once; a batch costs one call and no allocation.
 * Source: recvmmsg(2), sendmmsg(2).
 */
import { errno, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

export const MSG_DONTWAIT = 0x40

// struct mmsghdr in u32 words: a msghdr (56 bytes), the message's length, padding.
export const MMSG_WORDS = 16
export const M_NAME = 0
export const M_NAME_BYTES = 2
export const M_IOV = 4
export const M_IOV_COUNT = 6
export const M_CONTROL = 8
export const M_CONTROL_BYTES = 10
const M_BYTES = 14
/** struct iovec in words. */
export const IOV_WORDS = 4

/** Stores a 64-bit address as two words; the typed array takes the low 32 bits by itself. */
export function storeAddress(words: Uint32Array, at: number, address: number): void {
  words[at] = address
  words[at + 1] = address / 0x1_0000_0000
}

/** Messages received by one call, each into its own slot of memory, with what the kernel says of them. */
export class ReceiveBatch {
  readonly slots: number
  readonly #memory: NativeBuffer
  readonly #words: Uint32Array
  /** Word at which the room for control messages begins, and the words of each. */
  readonly #control: number
  readonly #controlWords: number
  /** The same for the senders' addresses. */
  readonly #names: number
  readonly #nameWords: number

  /**
   * @param addresses where each slot begins; @param slotBytes room of each; @param controlBytes for what the kernel adds, a
   * multiple of 8; @param nameBytes for the sender's address, a multiple of 4
   */
  constructor(addresses: readonly number[], slotBytes: number, controlBytes = 0, nameBytes = 0) {
    this.slots = addresses.length
    const iovAt = this.slots * MMSG_WORDS
    this.#control = iovAt + this.slots * IOV_WORDS
    this.#controlWords = controlBytes / 4
    this.#names = this.#control + this.slots * this.#controlWords
    this.#nameWords = nameBytes / 4
    this.#memory = new NativeBuffer((this.#names + this.slots * this.#nameWords) * 4)
    this.#words = new Uint32Array(this.#memory.bytes.buffer)
    const words = this.#words
    for (const [slot, address] of addresses.entries()) {
      const message = slot * MMSG_WORDS
      const iov = iovAt + slot * IOV_WORDS
      storeAddress(words, iov, address)
      words[iov + 2] = slotBytes
      storeAddress(words, message + M_IOV, this.#memory.address + iov * 4)
      words[message + M_IOV_COUNT] = 1
      const control = this.#control + slot * this.#controlWords
      storeAddress(words, message + M_CONTROL, controlBytes === 0 ? 0 : this.#memory.address + control * 4)
      const name = this.#names + slot * this.#nameWords
      storeAddress(words, message + M_NAME, nameBytes === 0 ? 0 : this.#memory.address + name * 4)
    }
  }

  /** Receives up to `count` messages. Returns how many, or the negated errno. */
  receive(fd: number, count: number): number {
    const most = Math.min(count, this.slots)
    for (let slot = 0; slot < most; slot++) {
      this.#words[slot * MMSG_WORDS + M_CONTROL_BYTES] = this.#controlWords * 4
      this.#words[slot * MMSG_WORDS + M_NAME_BYTES] = this.#nameWords * 4
    }
    const got = libc.recvmmsg(fd, this.#memory.address, most, MSG_DONTWAIT, 0)
    return got < 0 ? -errno() : got
  }

  /** Bytes of the message in a slot. */
  bytes(slot: number): number {
    return this.#words[slot * MMSG_WORDS + M_BYTES] as number
  }

  /** Bytes of the control message that came with the message in a slot. */
  controlBytes(slot: number): number {
    return this.#words[slot * MMSG_WORDS + M_CONTROL_BYTES] as number
  }

  /** A word (u32) of that control message. */
  control(slot: number, word: number): number {
    return this.#words[this.#control + slot * this.#controlWords + word] as number
  }

  /** Bytes of the address of the sender of the message in a slot. */
  nameBytes(slot: number): number {
    return this.#words[slot * MMSG_WORDS + M_NAME_BYTES] as number
  }

  /** A word (u32) of that address. */
  name(slot: number, word: number): number {
    return this.#words[this.#names + slot * this.#nameWords + word] as number
  }

  close(): void {
    this.#memory.free()
  }
}

/** Messages sent by one call, each of a header and a frame that lie apart. */
export class SendBatch {
  readonly capacity: number
  readonly #memory: NativeBuffer
  readonly #words: Uint32Array
  readonly #iov: number
  #count = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#iov = capacity * MMSG_WORDS
    this.#memory = new NativeBuffer((this.#iov + capacity * 2 * IOV_WORDS) * 4)
    this.#words = new Uint32Array(this.#memory.bytes.buffer)
    for (let message = 0; message < capacity; message++) {
      const iov = this.#iov + message * 2 * IOV_WORDS
      storeAddress(this.#words, message * MMSG_WORDS + M_IOV, this.#memory.address + iov * 4)
      this.#words[message * MMSG_WORDS + M_IOV_COUNT] = 2
    }
  }

  add(headerAddress: number, headerBytes: number, frameAddress: number, frameBytes: number): void {
    const iov = this.#iov + this.#count++ * 2 * IOV_WORDS
    storeAddress(this.#words, iov, headerAddress)
    this.#words[iov + 2] = headerBytes
    storeAddress(this.#words, iov + 4, frameAddress)
    this.#words[iov + 6] = frameBytes
  }

  /** Sends what was added and forgets it. Returns how many messages went, or the negated errno of the first. */
  send(fd: number): number {
    const count = this.#count
    this.#count = 0
    const sent = libc.sendmmsg(fd, this.#memory.address, count, MSG_DONTWAIT)
    return sent < 0 ? -errno() : sent
  }

  close(): void {
    this.#memory.free()
  }
}
