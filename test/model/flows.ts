/** A sender of TCP segments or UDP datagrams with all that a real one counts up: sequence, identification. */
import { completed, type Extension, layoutOf, onesSum, type PacketOptions, partialPacket } from './packets.js'

export interface FlowOptions {
  readonly v6?: boolean
  readonly extensions?: readonly Extension[]
  readonly udp?: boolean
  readonly vlan?: number
  /** TCP timestamps. */
  readonly stamps?: boolean
  /** Tells flows apart: the source port. */
  readonly port?: number
  readonly sequence?: number
  readonly identification?: number
  /** 0: the identification stays. */
  readonly step?: number
}

export interface FrameOptions {
  readonly flags?: number
  /** Instead of those of the flow. */
  readonly extensions?: readonly Extension[]
  /** Changes bytes before the checksums are written; positions as in layoutOf(). */
  readonly change?: (frame: Uint8Array, at: { network: number; transport: number; payload: number }) => void
  /** Only the sum of the pseudo header, for a virtio-net header with NEEDS_CSUM. */
  readonly partial?: boolean
}

const STAMPS = Uint8Array.from([1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4])

export class Flow {
  readonly #options: FlowOptions
  #sequence: number
  #identification: number
  #fill = 0

  constructor(options: FlowOptions = {}) {
    this.#options = options
    this.#sequence = options.sequence ?? 0x1000
    this.#identification = options.identification ?? 0x2000
  }

  /** The next frame, with `bytes` of payload. */
  next(bytes: number, options: FrameOptions = {}): Uint8Array {
    const { flags = 0x10, change, partial = false } = options
    const { v6 = false, udp = false, vlan = 0, stamps = false, port = 40001, step = 1 } = this.#options
    const payload = Uint8Array.from(
      { length: bytes },
      () => (this.#fill = (this.#fill * 5 + 3 + port) & 0xff),
    )
    const packet: PacketOptions = {
      v6,
      extensions: options.extensions ?? this.#options.extensions ?? [],
      udp,
      vlan,
      payload,
      tcpFlags: flags,
      sequence: this.#sequence,
      identification: this.#identification & 0xffff,
      ...(stamps && !udp ? { tcpOptions: STAMPS } : {}),
    }
    let frame = partialPacket(packet)
    const at = layoutOf(frame)
    frame[at.transport] = port >> 8
    frame[at.transport + 1] = port & 0xff
    change?.(frame, at)
    if (!v6) {
      frame.fill(0, at.network + 10, at.network + 12)
      const ip = ~onesSum(frame.subarray(at.network, at.transport)) & 0xffff
      frame[at.network + 10] = ip >> 8
      frame[at.network + 11] = ip & 0xff
    }
    if (!partial) frame = completed(frame, udp)
    this.#sequence = (this.#sequence + bytes) >>> 0
    this.#identification += step
    return frame
  }

  /** Leaves a hole, or goes back. */
  skip(bytes: number): void {
    this.#sequence = (this.#sequence + bytes) >>> 0
  }
}
