import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { ReceiveBatch } from '../sys/message-batch.js'
import { MAX_READ_BYTES } from './host-output.js'
import type { PortHost } from './port.js'

const SLOTS = 32
/** Room before a datagram: the empty virtio-net header of its frame. */
const HEADROOM_BYTES = 16
/** The largest datagram, with its room. */
const SLOT_BYTES = 0x11000
/** A call without large datagrams takes a 64th off what is expected. */
const FORGET_SHIFT = 6

/** Datagrams as they come: many by one call, into slots of the linear memory. */
export class DatagramInput {
  readonly batch: ReceiveBatch
  readonly #host: PortHost
  readonly #buffer: number
  /** Bytes of the largest datagrams of the last calls: how many each of the next may bring. */
  #expectedBytes = SLOT_BYTES

  /**
   * Throws UNSUPPORTED when the linear memory has no room.
   * @param name of the port; @param controlBytes, nameBytes: as of ReceiveBatch
   */
  constructor(host: PortHost, name: string, controlBytes: number, nameBytes: number) {
    this.#host = host
    this.#buffer = host.memory.allocate(SLOTS * SLOT_BYTES)
    if (this.#buffer === 0)
      throw new RingferryError(
        'UNSUPPORTED',
        `port ${name}: the linear memory is full; remove a port or give it more memory`,
      )
    const base = memoryAddress(host.memory)
    const slots = Array.from({ length: SLOTS }, (_, slot) => base + this.at(slot))
    this.batch = new ReceiveBatch(slots, SLOT_BYTES - HEADROOM_BYTES, controlBytes, nameBytes)
  }

  /** Linear offset of the datagram in a slot; a virtio-net header fits before it. */
  at(slot: number): number {
    return this.#buffer + slot * SLOT_BYTES + HEADROOM_BYTES
  }

  /**
   * How many datagrams the next call should bring: no more than a turn may still take, if they are as large as those of the
   * last calls.
   */
  wanted(budget: number, readBytes: number): number {
    const room = Math.floor((MAX_READ_BYTES - readBytes) / this.#expectedBytes)
    return Math.max(1, Math.min(budget, SLOTS, room))
  }

  /** Receives up to `count` datagrams. Returns how many, or the negated errno. */
  receive(fd: number, count: number): number {
    const got = this.batch.receive(fd, count)
    // Joined datagrams come among small ones: what was large is expected for some time.
    this.#expectedBytes -= this.#expectedBytes >> FORGET_SHIFT
    for (let slot = 0; slot < got; slot++)
      this.#expectedBytes = Math.max(this.#expectedBytes, this.batch.bytes(slot))
    return got
  }

  close(): void {
    this.batch.close()
    this.#host.memory.free(this.#buffer)
  }
}
