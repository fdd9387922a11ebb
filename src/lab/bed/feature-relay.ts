/**
 * A relay on the control socket between a guest and a vhost-user backend that takes features out of its offer.
 * User-Mode Linux does not survive some features, and backends of other makes cannot be told to leave them out.
 * Memory and eventfds go straight between the two: the data path does not know of the relay.
 *
 *     guest --- listening socket --- [relay] --- backend's socket
 *               GET_FEATURES reply & mask  <--
 */
import { RingferryError } from '../../errors/errors.js'
import {
  acceptUnix,
  closeFd,
  connectUnix,
  listenUnix,
  receiveWithFds,
  sendWithFds,
} from '../../sys/unix-socket.js'
import { REQUEST } from '../../vhost-user/requests.js'

const HEADER_BYTES = 12
const MAX_PAYLOAD_BYTES = 4096
const ACTIVE_MS = 2
/** After the handshake there is nearly nothing to pass on, and looking costs time of the measured machine. */
const IDLE_MS = 100
const TURNS_UNTIL_IDLE = 500

/** Takes features out of a reply to GET_FEATURES; any other message stays as it is. Changes it in place. */
export function maskFeatures(message: Uint8Array, keep: bigint): void {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  if (message.length < HEADER_BYTES + 8 || view.getUint32(0, true) !== REQUEST.GET_FEATURES) return
  view.setBigUint64(HEADER_BYTES, view.getBigUint64(HEADER_BYTES, true) & keep, true)
}

/** Reads whole messages of one direction with the descriptors that belong to each. */
class MessageReader {
  readonly #fd: number
  #bytes = Buffer.alloc(0)
  #fds: number[] = []

  constructor(fd: number) {
    this.#fd = fd
  }

  /** How many bytes complete the header or the message. Never more: descriptors come with a message's first byte. */
  #missing(): number {
    if (this.#bytes.length < HEADER_BYTES) return HEADER_BYTES - this.#bytes.length
    return HEADER_BYTES + this.#bytes.readUInt32LE(8) - this.#bytes.length
  }

  /** The next message; undefined when none is whole yet; 'closed' at the end or for nonsense. */
  next(): { readonly bytes: Buffer; readonly fds: number[] } | 'closed' | undefined {
    for (;;) {
      const missing = this.#missing()
      if (missing === 0 && this.#bytes.length >= HEADER_BYTES) {
        const message = { bytes: this.#bytes, fds: this.#fds }
        this.#bytes = Buffer.alloc(0)
        this.#fds = []
        return message
      }
      if (missing > MAX_PAYLOAD_BYTES) return 'closed'
      const received = receiveWithFds(this.#fd, missing)
      if (received === undefined) return undefined
      if (received.closed) return 'closed'
      this.#bytes = Buffer.concat([this.#bytes, received.bytes])
      this.#fds.push(...received.fds)
    }
  }

  /** Closes what belongs to a message that is not whole. */
  drop(): void {
    for (const fd of this.#fds) closeFd(fd)
    this.#fds = []
  }
}

export class FeatureRelay {
  readonly #listenFd: number
  readonly #backendPath: string
  readonly #keep: bigint
  #guestFd = -1
  #backendFd = -1
  #readers: { readonly guest: MessageReader; readonly backend: MessageReader } | undefined
  #timer: NodeJS.Timeout | undefined
  #idleTurns = 0

  /**
   * @param guestPath where the guest connects; one guest at a time
   * @param backendPath where the backend listens
   * @param keep features that stay
   */
  constructor(guestPath: string, backendPath: string, keep: bigint) {
    this.#listenFd = listenUnix(guestPath)
    this.#backendPath = backendPath
    this.#keep = keep
    this.#schedule()
  }

  #schedule(): void {
    const delay = this.#idleTurns < TURNS_UNTIL_IDLE || this.#readers === undefined ? ACTIVE_MS : IDLE_MS
    this.#timer = setTimeout(() => {
      const moved = this.#readers ? this.#pass() : this.#accept()
      this.#idleTurns = moved ? 0 : this.#idleTurns + 1
      this.#schedule()
    }, delay)
    this.#timer.unref()
  }

  #accept(): boolean {
    const fd = acceptUnix(this.#listenFd)
    if (fd < 0) return false
    this.#guestFd = fd
    this.#backendFd = this.#connect()
    if (this.#backendFd < 0) this.#hangUp()
    else this.#readers = { guest: new MessageReader(fd), backend: new MessageReader(this.#backendFd) }
    return true
  }

  #connect(): number {
    try {
      return connectUnix(this.#backendPath)
    } catch (error) {
      if (error instanceof RingferryError) return -1
      throw error
    }
  }

  #pass(): boolean {
    let moved = false
    for (;;) {
      const readers = this.#readers
      if (!readers) return moved
      const request = readers.guest.next()
      const reply = readers.backend.next()
      if (request === 'closed' || reply === 'closed') {
        this.#hangUp()
        return true
      }
      if (!request && !reply) return moved
      moved = true
      if (request) this.#send(this.#backendFd, request)
      if (reply) {
        maskFeatures(reply.bytes, this.#keep)
        this.#send(this.#guestFd, reply)
      }
    }
  }

  #send(fd: number, { bytes, fds }: { readonly bytes: Buffer; readonly fds: readonly number[] }): void {
    const sent = sendWithFds(fd, bytes, fds)
    for (const each of fds) closeFd(each)
    if (sent !== bytes.length) this.#hangUp()
  }

  #hangUp(): void {
    this.#readers?.guest.drop()
    this.#readers?.backend.drop()
    this.#readers = undefined
    for (const fd of [this.#guestFd, this.#backendFd]) if (fd >= 0) closeFd(fd)
    this.#guestFd = -1
    this.#backendFd = -1
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#hangUp()
    closeFd(this.#listenFd)
  }
}
