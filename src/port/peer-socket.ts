import type { PortRow } from '../core/port-row.js'
import { EAGAIN, errnoName } from '../sys/libc.js'
import type { SocketAccess } from '../sys/socket-access.js'
import { connectUnix } from '../sys/unix-socket.js'
import { Listener } from './listener.js'
import type { Port, PortHost } from './port.js'
import { Refusals } from './refusal.js'
import { Retry } from './retry.js'

export interface PeerSocketSettings extends SocketAccess {
  readonly socket: string
  readonly mode?: 'server' | 'client'
}

/** The port behind the socket, which has one peer at a time. */
export interface PeerOwner {
  hasPeer(): boolean
  /** @param fd the connection of a new peer, which the owner holds from now on */
  attach(fd: number): void
  /** A connection cannot be taken; reported once while that lasts. */
  onTrouble(problem: string): void
}

/**
 * The Unix socket by which a port's peer comes: the port listens and hangs up on second peers, or it connects and tries
 * again.
 */
export class PeerSocket {
  readonly #host: PortHost
  readonly #port: Port
  readonly #settings: PeerSocketSettings
  readonly #owner: PeerOwner
  readonly #refusals: Refusals
  readonly #retry = new Retry()
  #listener: Listener | undefined
  /** The trouble that was reported last and still lasts, or ''. */
  #reported = ''

  constructor(host: PortHost, port: Port, row: PortRow, settings: PeerSocketSettings, owner: PeerOwner) {
    this.#host = host
    this.#port = port
    this.#settings = settings
    this.#owner = owner
    this.#refusals = new Refusals(host, port, row)
  }

  /** Listens, or connects for the first time, unless the peer is there already. Throws as listenUnix(). */
  open(): void {
    const { mode, socket } = this.#settings
    if (mode === 'client') {
      if (!this.#owner.hasPeer()) this.#connect()
    } else this.#listener = new Listener(this.#host, this.#port.index, socket, this.#settings)
  }

  #connect(): void {
    const fd = connectUnix(this.#settings.socket)
    if (fd >= 0) this.#owner.attach(fd)
  }

  /** Takes a connection, if one may wait. Returns whether there may be more. */
  serve(): boolean {
    const listener = this.#listener
    if (!listener?.mayWait) return false
    const fd = listener.accept()
    if (fd >= 0) {
      this.#reported = ''
      if (this.#owner.hasPeer()) this.#refusals.refuse(fd)
      else this.#owner.attach(fd)
    } else if (fd !== -EAGAIN) this.#report(`a connection cannot be taken yet (${errnoName(-fd)})`)
    return listener.mayWait
  }

  #report(problem: string): void {
    if (problem === this.#reported) return
    this.#reported = problem
    this.#owner.onTrouble(problem)
  }

  /** Tries again what failed. Called some ten times a second. */
  tick(nowUs: number): void {
    this.#listener?.tick()
    if (this.#settings.mode === 'client' && !this.#owner.hasPeer() && this.#retry.isDue(nowUs))
      this.#connect()
  }

  /** Stops listening and removes the socket. */
  close(): void {
    this.#listener?.close()
    this.#listener = undefined
  }
}
