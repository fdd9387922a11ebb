import { isPassed, takePassed } from './passed-socket.js'
import type { SocketAccess } from './socket-access.js'
import { listenUnix, unlinkQuietly } from './unix-socket.js'

/**
 * A listening Unix stream socket (non-blocking): one that is made at a path, or one that was handed over (`fd:3`,
 * `fd:NAME`). Throws as listenUnix() and takePassed().
 * @param access who may connect to a socket that is made here
 */
export function openListening(socket: string, access: SocketAccess = {}): number {
  return isPassed(socket) ? takePassed(socket) : listenUnix(socket, access)
}

/** Removes the file of a socket of openListening() that was made here. */
export function removeListening(socket: string): void {
  if (!isPassed(socket)) unlinkQuietly(socket)
}
