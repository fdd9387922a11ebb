import { RingferryError } from '../errors/errors.js'
import { EPOLLIN, Epoll } from '../sys/epoll.js'
import { closeFd, receiveWithFds, sendWithFds } from '../sys/unix-socket.js'
import { decodeHeader, encodeMessage } from '../vhost-user/messages.js'
import { FLAG_REPLY, HEADER_BYTES, requestName } from '../vhost-user/requests.js'

/** A vhost-user message with its descriptors. */
export interface ChannelMessage {
  readonly request: number
  readonly flags: number
  readonly payload: Uint8Array
  /** The receiver closes these. */
  readonly fds: number[]
}

/** Tries that do not wait, for a backend in the same thread; later ones wait a millisecond each. */
const QUICK_TRIES = 64
const WAIT_US = 1000

/**
 * A vhost-user socket seen from the frontend: sends requests, waits (bounded) for replies.
 * The backend may live in this very thread: `pump` lets it work while a reply is awaited.
 */
export class FrontendChannel {
  readonly fd: number
  readonly #name: string
  readonly #pump: () => void
  readonly #tries: number
  readonly #epoll = new Epoll()

  /**
   * @param fd a connected, non-blocking socket, owned from here on
   * @param name how errors call the backend, for example the socket's path
   * @param tries how often to poll for a reply before giving up; about as many milliseconds
   */
  constructor(fd: number, name: string, pump: () => void, tries: number) {
    this.fd = fd
    this.#name = name
    this.#pump = pump
    this.#tries = tries
    this.#epoll.add(fd, EPOLLIN)
  }

  /** Sends one message. Throws UNSUPPORTED when the backend has gone. */
  send(request: number, flags: number, payload: Uint8Array, fds: readonly number[] = []): void {
    this.sendRaw(encodeMessage(request, flags, payload), fds)
  }

  /** Sends bytes as they are, with descriptors: for messages that break the protocol. */
  sendRaw(bytes: Uint8Array, fds: readonly number[] = []): void {
    const sent = sendWithFds(this.fd, bytes, fds)
    if (sent !== bytes.length)
      throw new RingferryError(
        'UNSUPPORTED',
        `${this.#name}: the vhost-user backend does not take messages; look up why it detached`,
      )
  }

  /** Reads exactly `sizeBytes`, or undefined when nothing has come. Throws when the stream ends. */
  #read(sizeBytes: number, fds: number[], mayBeEmpty: boolean): Uint8Array | undefined {
    const bytes = new Uint8Array(sizeBytes)
    let filled = 0
    for (let tries = 0; filled < sizeBytes; ) {
      const received = receiveWithFds(this.fd, sizeBytes - filled)
      if (received?.closed)
        throw new RingferryError(
          'UNSUPPORTED',
          `${this.#name}: the vhost-user backend hung up; look up why it detached`,
        )
      if (received) {
        bytes.set(received.bytes, filled)
        filled += received.bytes.length
        fds.push(...received.fds)
      } else if (filled === 0 && mayBeEmpty) return undefined
      else if (++tries > this.#tries) throw this.#silent('the rest of a message')
      else this.#epoll.wait(WAIT_US)
    }
    return bytes
  }

  #silent(what: string): RingferryError {
    return new RingferryError(
      'UNSUPPORTED',
      `${this.#name}: no ${what} from the vhost-user backend after ${this.#tries} tries; is it running?`,
    )
  }

  /** Takes a message that has arrived, or returns undefined. */
  take(): ChannelMessage | undefined {
    const fds: number[] = []
    const head = this.#read(HEADER_BYTES, fds, true)
    if (!head) return undefined
    const header = decodeHeader(head)
    if (typeof header === 'string')
      throw new RingferryError(
        'UNSUPPORTED',
        `${this.#name}: ${header}; the vhost-user backend does not keep to the protocol`,
      )
    const payload = this.#read(header.sizeBytes, fds, false)!
    return { request: header.request, flags: header.flags, payload, fds }
  }

  /** Waits for the reply to a request. */
  reply(request: number): ChannelMessage {
    for (let tries = 0; tries < this.#tries; tries++) {
      this.#pump()
      const message = this.take()
      if (!message) {
        this.#epoll.wait(tries < QUICK_TRIES ? 0 : WAIT_US)
        continue
      }
      if (message.request === request && (message.flags & FLAG_REPLY) !== 0) return message
      throw new RingferryError(
        'UNSUPPORTED',
        `${this.#name}: ${requestName(message.request)} instead of the reply to ${requestName(request)}`,
      )
    }
    throw this.#silent(`reply to ${requestName(request)}`)
  }

  close(): void {
    this.#epoll.close()
    closeFd(this.fd)
  }
}
