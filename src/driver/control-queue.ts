import { VIRTIO_NET_ERR } from '../virtio/virtio.js'
import type { DriverMemory } from './driver-memory.js'
import { type RingOptions, SplitRing } from './split-ring.js'

const RING_SIZE = 64
const BUFFER_BYTES = 4096

/** The driver's side of virtio-net's control ring: one command at a time. Source: virtio 1.3, 5.1.6.5. */
export class ControlQueue<Memory extends DriverMemory> {
  readonly ring: SplitRing<Memory>
  readonly #memory: Memory
  readonly #gpa: number
  readonly #offset: number
  /** Where the device's answer goes: the last byte of the buffer. */
  readonly #ackAt = BUFFER_BYTES - 1
  #head = -1

  constructor(memory: Memory, options: RingOptions) {
    this.#memory = memory
    this.ring = new SplitRing(memory, RING_SIZE, options)
    this.#gpa = memory.allocate(BUFFER_BYTES)
    this.#offset = memory.offsetOf(this.#gpa)
  }

  /** Adds a command, unpublished. Returns false while another one waits for its answer. */
  send(commandClass: number, command: number, bytes: Uint8Array): boolean {
    if (this.#head >= 0) return false
    if (2 + bytes.length > this.#ackAt) throw new RangeError(`a control command of ${bytes.length} bytes`)
    const { u8 } = this.#memory
    u8[this.#offset] = commandClass
    u8[this.#offset + 1] = command
    u8.set(bytes, this.#offset + 2)
    u8[this.#offset + this.#ackAt] = VIRTIO_NET_ERR
    this.ring.stage(this.#gpa, 2, false)
    if (bytes.length > 0) this.ring.stage(this.#gpa + 2, bytes.length, false)
    this.ring.stage(this.#gpa + this.#ackAt, 1, true)
    this.#head = this.ring.commit()
    return true
  }

  /** The device's answer to the command sent, or undefined while it waits. */
  takeAck(): number | undefined {
    const head = this.#head >= 0 ? this.ring.takeUsed() : -1
    if (head < 0) return undefined
    this.ring.release(head)
    this.#head = -1
    return this.#memory.u8[this.#offset + this.#ackAt]
  }
}
