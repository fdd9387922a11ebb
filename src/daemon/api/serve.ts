import { openListening, removeListening } from '../../sys/listening-socket.js'
import type { SocketAccess } from '../../sys/socket-access.js'
import type { Daemon } from '../daemon.js'
import { makeServer } from './server.js'

/** Members of the socket's group may do what its owner may. */
const SOCKET_MODE = '0660'

/** Where the API listens. */
export interface ApiOptions extends SocketAccess {
  /** Path of the Unix socket, or one that was handed over: fd:3, fd:NAME. */
  readonly socket: string
  /** Told of faults of Ringferry, which are answered with status 500. */
  readonly onFault?: (error: unknown) => void
}

/** An API that listens. */
export interface RunningApi {
  /** Hangs up on all clients and removes the socket, if it was made here. */
  close(): Promise<void>
}

/**
 * Opens the API of a switch. A stale socket is replaced. Throws BUSY when a program listens there or something else is
 * there, NOT_FOUND, PERMISSION.
 */
export async function openApi(daemon: Daemon, options: ApiOptions): Promise<RunningApi> {
  const { socket, onFault, ...access } = options
  const fd = openListening(socket, { socketMode: SOCKET_MODE, ...access })
  const app = await makeServer(daemon, { door: { kind: 'unix' }, ...(onFault ? { onFault } : {}) })
  await new Promise<void>((resolve, reject) => {
    app.server.once('error', reject)
    app.server.listen({ fd }, resolve)
  })
  return {
    close: async () => {
      const closed = new Promise((resolve) => app.server.close(resolve))
      app.server.closeAllConnections()
      await closed
      await app.close()
      removeListening(socket)
    },
  }
}
