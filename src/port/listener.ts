import { EPOLLET, EPOLLIN } from '../sys/epoll.js'
import { EAGAIN } from '../sys/libc.js'
import { openListening, removeListening } from '../sys/listening-socket.js'
import type { SocketAccess } from '../sys/socket-access.js'
import { acceptUnix, closeFd } from '../sys/unix-socket.js'
import type { PortHost } from './port.js'

/**
 * A port's Unix socket, on which its peer comes. Connections are taken one at a time as requests of the port. When
 * the process has no descriptors left, the next attempt is made at the next tick: the connection stays in the queue
 * of the socket meanwhile.
 */
export class Listener {
  readonly #host: PortHost
  readonly #index: number
  readonly #path: string
  readonly #fd: number
  #mayWait = false
  #failed = false

  /** Listens. Throws as openListening(). @param index the port's row; @param access who may connect */
  constructor(host: PortHost, index: number, path: string, access: SocketAccess) {
    this.#host = host
    this.#index = index
    this.#path = path
    this.#fd = openListening(path, access)
    host.watch(this.#fd, EPOLLIN | EPOLLET, () => this.#ask())
  }

  #ask(): void {
    this.#mayWait = true
    this.#host.request(this.#index)
  }

  /** Whether a connection may wait that could be taken now. */
  get mayWait(): boolean {
    return this.#mayWait
  }

  /**
   * Takes one connection. Returns its descriptor, -EAGAIN when none waits, or another negated errno when it cannot be
   * taken now (EMFILE and the like).
   */
  accept(): number {
    const fd = acceptUnix(this.#fd)
    if (fd < 0) {
      this.#mayWait = false
      this.#failed = fd !== -EAGAIN
    }
    return fd
  }

  /** Tries again what failed. */
  tick(): void {
    if (!this.#failed) return
    this.#failed = false
    this.#ask()
  }

  /** Stops listening; the socket's file goes if it was made here. */
  close(): void {
    this.#host.unwatch(this.#fd)
    closeFd(this.#fd)
    removeListening(this.#path)
  }
}
