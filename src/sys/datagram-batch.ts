/**
 * Datagrams for several receivers by one call. Pieces of equal size for one receiver may go as one message, which the
 * kernel cuts again (UDP_SEGMENT): one passage through its stack for many datagrams. Source: sendmmsg(2), udp(7).
 */
import { errno, libc } from './libc.js'
import {
  IOV_WORDS,
  M_CONTROL,
  M_CONTROL_BYTES,
  M_IOV,
  M_IOV_COUNT,
  M_NAME,
  M_NAME_BYTES,
  MMSG_WORDS,
  MSG_DONTWAIT,
  storeAddress,
} from './message-batch.js'
import { NativeBuffer } from './native-buffer.js'

const SOL_UDP = 17
const UDP_SEGMENT = 103
/** struct cmsghdr and a u16: its length in words, and what it says of itself. */
const CONTROL_WORDS = 6
const CONTROL_BYTES = 24
const CONTROL_LENGTH = 18
/** Most segments of a message. Source: Linux include/linux/udp.h, UDP_MAX_SEGMENTS before 6.9. */
const MAX_SEGMENTS = 64
/** Most bytes of a message: below what an IP packet holds. */
const MAX_MESSAGE_BYTES = 65_000

export class DatagramBatch {
  /** Most messages, and most pieces of all messages together. */
  readonly capacity: number
  readonly #memory: NativeBuffer
  readonly #words: Uint32Array
  readonly #iov: number
  readonly #control: number
  /** Pieces and bytes of each message, and the size that all its pieces but the last have. */
  readonly #pieces: Uint16Array
  readonly #bytes: Uint32Array
  readonly #segmentBytes: Uint32Array
  #count = 0
  #used = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#iov = capacity * MMSG_WORDS
    this.#control = this.#iov + capacity * IOV_WORDS
    this.#memory = new NativeBuffer((this.#control + capacity * CONTROL_WORDS) * 4)
    this.#words = new Uint32Array(this.#memory.bytes.buffer)
    this.#pieces = new Uint16Array(capacity)
    this.#bytes = new Uint32Array(capacity)
    this.#segmentBytes = new Uint32Array(capacity)
    const words = this.#words
    for (let message = 0; message < capacity; message++) {
      const control = this.#control + message * CONTROL_WORDS
      words[control] = CONTROL_LENGTH
      words[control + 2] = SOL_UDP
      words[control + 3] = UDP_SEGMENT
    }
  }

  /** Messages in the batch. */
  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#used === this.capacity
  }

  clear(): void {
    this.#count = 0
    this.#used = 0
  }

  /** Datagrams that a message carries. */
  pieces(message: number): number {
    return this.#pieces[message] as number
  }

  /** Begins a message of one piece. @param name address of the receiver's socket address */
  add(name: number, nameBytes: number, at: number, bytes: number): void {
    const words = this.#words
    const index = this.#count++
    const message = index * MMSG_WORDS
    storeAddress(words, message + M_NAME, name)
    words[message + M_NAME_BYTES] = nameBytes
    storeAddress(words, message + M_IOV, this.#memory.address + (this.#iov + this.#used * IOV_WORDS) * 4)
    words[message + M_IOV_COUNT] = 0
    words[message + M_CONTROL] = 0
    words[message + M_CONTROL + 1] = 0
    words[message + M_CONTROL_BYTES] = 0
    this.#pieces[index] = 0
    this.#bytes[index] = 0
    this.#segmentBytes[index] = bytes
    this.#put(index, at, bytes)
  }

  #put(index: number, at: number, bytes: number): void {
    const words = this.#words
    const iov = this.#iov + this.#used++ * IOV_WORDS
    storeAddress(words, iov, at)
    words[iov + 2] = bytes
    const pieces = (this.#pieces[index] as number) + 1
    this.#pieces[index] = pieces
    words[index * MMSG_WORDS + M_IOV_COUNT] = pieces
    this.#bytes[index] = (this.#bytes[index] as number) + bytes
  }

  /** Adds a piece to the newest message if the kernel can cut it off again. Returns whether it did. */
  join(at: number, bytes: number): boolean {
    const index = this.#count - 1
    const size = this.#segmentBytes[index] as number
    const pieces = this.#pieces[index] as number
    const total = this.#bytes[index] as number
    // Only the last piece may be shorter.
    if (
      bytes > size ||
      total !== size * pieces ||
      pieces === MAX_SEGMENTS ||
      total + bytes > MAX_MESSAGE_BYTES
    )
      return false
    const control = this.#control + index * CONTROL_WORDS
    const message = index * MMSG_WORDS
    this.#words[control + 4] = size
    storeAddress(this.#words, message + M_CONTROL, this.#memory.address + control * 4)
    this.#words[message + M_CONTROL_BYTES] = CONTROL_BYTES
    this.#put(index, at, bytes)
    return true
  }

  /** Sends the messages, in order. Returns how many went, or the negated errno of the first. */
  send(fd: number): number {
    const sent = libc.sendmmsg(fd, this.#memory.address, this.#count, MSG_DONTWAIT)
    return sent < 0 ? -errno() : sent
  }

  close(): void {
    this.#memory.free()
  }
}
