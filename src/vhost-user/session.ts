/**
 * One vhost-user connection, from the backend's side.
 *
 *   socket ──> header (12 bytes, descriptors come with it) ──> payload ──> RequestHandler ──> device
 *          <── reply or acknowledgement
 *
 * Reads are sized to one message, so that descriptors always belong to the message at hand, and a message
 * may arrive in any number of pieces. Where the connection is kept (session-keeper), one that lies there whole is served
 * before it is taken off. A frontend that breaks the protocol is detached: the reason is kept,
 * the device hears it once, and every descriptor that the session holds is closed. What the kernel refuses is thrown:
 * the engine detaches the port.
 *
 * The order of requests that frontends really use (QEMU 7.2, Linux UML): features, protocol features,
 * backend channel, owner, features; per ring CALL and ERR; ENABLE many times before there is memory; then
 * SET_FEATURES, SET_MEM_TABLE and per ring NUM, BASE, ADDR, KICK, CALL. CALL may be replaced while the
 * ring runs. Rings are enabled as they start when the frontend does not speak protocol features.
 * A migration begins with SET_LOG_BASE, SET_FEATURES with VHOST_F_LOG_ALL and ADDR for each ring, while rings run; it ends
 * with GET_VRING_BASE, or with the features as they were.
 * Source: QEMU, docs/interop/vhost-user.rst.
 */
import { RingferryError } from '../errors/errors.js'
import { discardFd, slowness } from '../sys/descriptor.js'
import { closeFd, dropBytes, peekBytes, receiveWithFds, sendWithFds } from '../sys/unix-socket.js'
import type { DetachCause, VhostUserDevice } from './device.js'
import { checkFdCount, checkPayloadSize, decodeHeader, encodeMessage, encodeU64 } from './messages.js'
import type { Outcome } from './outcome.js'
import { RequestHandler } from './request-handler.js'
import {
  BACKEND_REQUEST,
  FLAG_NEED_REPLY,
  FLAG_REPLY,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_TABLE_REGIONS,
  PROTOCOL_F,
  REQUEST,
  requestName,
  SHAPES,
} from './requests.js'
import type { KeptSession, SessionKeeper } from './session-keeper.js'
import { DRIVER_COMMAND } from './session-state.js'

/** Reads in one call of onReadable: a frontend may send a message in as many pieces as it has bytes. */
const MAX_READS_PER_CALL = 8
const NO_BYTES = new Uint8Array(0)

/**
 * Whether a message says that descriptors come with it. One without must not be peeked at with descriptors: Linux hands out
 * those of the message behind it (net/unix/af_unix.c, unix_stream_read_generic).
 */
function announcesFds(request: number, payload: Uint8Array): boolean {
  switch (request) {
    case REQUEST.SET_VRING_KICK:
    case REQUEST.SET_VRING_CALL:
    case REQUEST.SET_VRING_ERR:
      return ((payload[1] as number) & 1) === 0
    case REQUEST.SET_MEM_TABLE:
      return payload[0] !== 0
    default:
      return (SHAPES.get(request)?.maxFds ?? 0) > 0
  }
}

export class VhostUserSession {
  readonly fd: number
  readonly #device: VhostUserDevice
  readonly #handler: RequestHandler
  readonly #keeper: SessionKeeper | undefined
  readonly #buffer = new Uint8Array(HEADER_BYTES + MAX_PAYLOAD_BYTES)
  #filled = 0
  #wanted = HEADER_BYTES
  #fds: number[] = []
  #reason: string | undefined

  /**
   * @param fd a connected, non-blocking socket; the session owns it from here on
   * @param keeper keeps the connection beyond this process; whoever made it ends it
   */
  constructor(fd: number, device: VhostUserDevice, keeper?: SessionKeeper) {
    this.fd = fd
    this.#device = device
    this.#keeper = keeper
    this.#handler = new RequestHandler(device)
  }

  /** Says all again that was said before, to a device that knows nothing. Returns false when the session has ended by it. */
  resume(kept: KeptSession): boolean {
    this.#device.takeUp()
    for (const { request, payload, labels } of kept.messages) {
      if (request === DRIVER_COMMAND) {
        if (!this.#device.repeatCommand(payload))
          return this.#cannotResume('its driver has commanded what cannot be')
        continue
      }
      const fds: number[] = []
      try {
        for (const label of labels) fds.push(kept.open(label))
        const problem = checkPayloadSize(request, payload.length) ?? checkFdCount(request, fds.length)
        const outcome = problem ?? this.#handler.handle(request, payload, fds)
        if (typeof outcome === 'string') return this.#cannotResume(`${requestName(request)}: ${outcome}`)
      } catch (error) {
        if (!(error instanceof RingferryError)) throw error
        return this.#cannotResume(`${requestName(request)}: ${error.message}`, 'fault')
      } finally {
        for (const fd of fds) closeFd(fd)
      }
    }
    return this.#keeper?.resumed(kept) !== false || this.#cannotResume('it does not take a reply')
  }

  #cannotResume(reason: string, cause?: DetachCause): false {
    return this.close(`the guest of before the restart is let go: ${reason}`, cause)
  }

  /** Why the session has ended, or undefined while it lives. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Serves at most one message. Returns whether more may wait on the socket; false only when it was read empty. */
  onReadable(): boolean {
    if (this.#reason !== undefined) return false
    if (this.#keeper && this.#filled === 0 && this.#fds.length === 0) {
      const whole = this.#peekWhole()
      if (whole) {
        this.#serve(whole.bytes, whole.fds, true)
        return this.#reason === undefined
      }
    }
    for (let reads = 0; reads < MAX_READS_PER_CALL; reads++) {
      const received = receiveWithFds(this.fd, this.#wanted - this.#filled)
      if (!received) return false
      this.#fds.push(...received.fds)
      if (received.lostFds === 'no more may be open')
        return this.close(
          'no file descriptors left for those that the frontend sent; raise the limit of the switch (ulimit -n)',
          'fault',
        )
      if (received.lostFds !== undefined)
        return this.close(`more file descriptors with one message than ${MAX_TABLE_REGIONS}`)
      const slow = received.fds.map(slowness).find((reason) => reason !== undefined)
      if (slow !== undefined) return this.close(slow)
      if (received.closed) {
        this.close(
          this.#filled > 0 ? 'the frontend hung up within a message' : 'the frontend closed the connection',
          'hung-up',
        )
        return false
      }
      this.#buffer.set(received.bytes, this.#filled)
      this.#filled += received.bytes.length
      this.#keeper?.inPieces()
      if (this.#fds.length > MAX_TABLE_REGIONS) {
        this.close(`${this.#fds.length} file descriptors with one message, above ${MAX_TABLE_REGIONS}`)
        return false
      }
      if (this.#filled < this.#wanted) continue
      if (this.#filled === HEADER_BYTES && !this.#headerFits()) return false
      if (this.#filled < this.#wanted) continue
      const [message, fds] = [this.#buffer.slice(0, this.#wanted), this.#fds]
      this.#fds = []
      this.#filled = 0
      this.#wanted = HEADER_BYTES
      this.#serve(message, fds, false)
      return this.#reason === undefined
    }
    return true
  }

  /** The next message, which stays on the socket; undefined when it is not there whole, or something is wrong with it. */
  #peekWhole(): { readonly bytes: Uint8Array; readonly fds: number[] } | undefined {
    const header = decodeHeader(peekBytes(this.fd, HEADER_BYTES))
    if (typeof header === 'string' || !SHAPES.has(header.request)) return undefined
    if (checkPayloadSize(header.request, header.sizeBytes) !== undefined) return undefined
    const size = HEADER_BYTES + header.sizeBytes
    const peeked = peekBytes(this.fd, size)
    if (peeked.length < size || header.request === REQUEST.SET_LOG_FD) return undefined
    if (!announcesFds(header.request, peeked.subarray(HEADER_BYTES))) return { bytes: peeked, fds: [] }
    const received = receiveWithFds(this.fd, size, true)
    if (!received) return undefined
    const { bytes, fds, lostFds } = received
    const isWhole = bytes.length === HEADER_BYTES + header.sizeBytes && lostFds === undefined
    if (isWhole && fds.length <= MAX_TABLE_REGIONS && fds.every((fd) => slowness(fd) === undefined))
      return { bytes, fds }
    if (lostFds === undefined) for (const fd of fds) discardFd(fd)
    return undefined
  }

  /** Checks a complete header and sets how many bytes the whole message has. */
  #headerFits(): boolean {
    const header = decodeHeader(this.#buffer.subarray(0, HEADER_BYTES))
    if (typeof header === 'string') return this.close(header)
    const name = requestName(header.request)
    if (!SHAPES.has(header.request)) return this.close(`${name}: not known here`)
    const problem = checkPayloadSize(header.request, header.sizeBytes)
    if (problem !== undefined) return this.close(problem)
    this.#wanted = HEADER_BYTES + header.sizeBytes
    return true
  }

  /** @param isThere whether the message is still on the socket */
  #serve(message: Uint8Array, fds: number[], isThere: boolean): void {
    const data = new DataView(message.buffer, message.byteOffset)
    const request = data.getUint32(0, true)
    const flags = data.getUint32(4, true)
    const payload = message.slice(HEADER_BYTES)
    const keeper = this.#keeper
    const shapeProblem = checkFdCount(request, fds.length)
    let labels: readonly string[] = []
    let outcome: Outcome
    try {
      if (keeper && shapeProblem === undefined) labels = keeper.take(request, fds)
      outcome = shapeProblem ?? this.#handler.handle(request, payload, fds)
    } catch (error) {
      // What failed is reported by whoever serves the port; here is known which request it was.
      if (error instanceof RingferryError) error.message = `${requestName(request)}: ${error.message}`
      throw error
    } finally {
      for (const fd of fds) closeFd(fd)
    }
    const reply = this.#replyTo(request, flags, outcome)
    // A descriptor that is to go out with the reply cannot be left to a successor, which serves the message anew.
    if (typeof outcome !== 'string' && this.#handler.replyFd < 0)
      keeper?.served({ request, payload, labels }, outcome, isThere ? message : NO_BYTES, reply)
    this.#send(request, reply)
    if (typeof outcome === 'string') this.close(shapeProblem ?? `${requestName(request)}: ${outcome}`)
    if (!isThere || this.#reason !== undefined) return
    dropBytes(this.fd, message.length)
    keeper?.taken()
  }

  /** The reply of a request that has one, else the acknowledgement that was asked for; empty: none. */
  #replyTo(request: number, flags: number, outcome: Outcome): Uint8Array {
    if (outcome instanceof Uint8Array) return encodeMessage(request, FLAG_REPLY, outcome)
    const acknowledges = (this.#handler.protocolFeatures & PROTOCOL_F.REPLY_ACK) !== 0n
    if (!acknowledges || (flags & FLAG_NEED_REPLY) === 0) return NO_BYTES
    return encodeMessage(request, FLAG_REPLY, encodeU64(outcome === undefined ? 0n : 1n))
  }

  #send(request: number, reply: Uint8Array): void {
    if (reply.length === 0) return
    const replyFd = this.#handler.replyFd
    this.#handler.replyFd = -1
    const sent = sendWithFds(this.fd, reply, replyFd >= 0 ? [replyFd] : [])
    if (replyFd >= 0) closeFd(replyFd)
    if (sent !== reply.length) this.close(`${requestName(request)}: the frontend does not take its reply`)
  }

  /**
   * Tells the frontend that the configuration space has changed (link status, announcement, MTU).
   * Returns whether it was told: it must have negotiated CONFIG and handed over a channel with room.
   */
  notifyConfigChange(): boolean {
    const { backendFd, protocolFeatures } = this.#handler
    if (backendFd < 0 || (protocolFeatures & PROTOCOL_F.CONFIG) === 0n) return false
    return sendWithFds(backendFd, encodeMessage(BACKEND_REQUEST.CONFIG_CHANGE_MSG, 0)) === HEADER_BYTES
  }

  /** Ends the session for a reason; the first call counts. Always returns false. */
  close(reason: string, cause: DetachCause = 'breach'): false {
    if (this.#reason !== undefined) return false
    this.#reason = reason
    for (const fd of this.#fds) discardFd(fd)
    this.#fds = []
    if (this.#handler.backendFd >= 0) closeFd(this.#handler.backendFd)
    this.#handler.backendFd = -1
    if (this.#handler.replyFd >= 0) closeFd(this.#handler.replyFd)
    this.#handler.replyFd = -1
    closeFd(this.fd)
    this.#device.onDetach(reason, cause)
    return false
  }
}
