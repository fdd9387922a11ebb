/** Where the API listens: on a Unix socket, and on TCP where that is asked for. */
import type { Server } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { RingferryError } from '../../errors/errors.js'
import { openListening, removeListening } from '../../sys/listening-socket.js'
import type { SocketAccess } from '../../sys/socket-access.js'
import { unlinkQuietly } from '../../sys/unix-socket.js'
import { defaultControlPath } from '../control-path.js'
import type { Daemon } from '../daemon.js'
import { isLoopback } from './guard.js'
import { makeServer } from './server.js'
import { makeToken, readToken } from './token.js'

/** Members of the socket's group may do what its owner may. */
const SOCKET_MODE = '0660'
const MAX_PORT = 65_535

/** Where the API listens. */
export interface ApiOptions extends SocketAccess {
  /** Path of the Unix socket, or one that was handed over: fd:3, fd:NAME. */
  readonly socket: string
  /** "127.0.0.1:8090": TCP as well, on this machine alone. Port 0: one that is free. */
  readonly listen?: string
  /** The file with the token of TCP clients. Default: one is made, and kept beside the socket. */
  readonly tokenFile?: string
}

/** An API that listens. */
export interface RunningApi {
  /** Of TCP: "http://127.0.0.1:8090", and where the token is. */
  readonly tcp?: { readonly url: string; readonly tokenFile: string }
  /** Hangs up on all clients and removes the socket, if it was made here. */
  close(): Promise<void>
}

/** Throws USAGE unless an address is one of this machine alone. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === '' || Number(port) > MAX_PORT)
    throw new RingferryError('USAGE', `listen ${text}: write it as 127.0.0.1:PORT`)
  if (!isLoopback(host))
    throw new RingferryError(
      'USAGE',
      `listen ${text}: only addresses of this machine alone, like 127.0.0.1, are allowed; reach it by ssh -L`,
    )
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

async function listen(
  server: Server,
  options: ListenOptions | { readonly fd: number },
  where: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isBusy = cause.code === 'EADDRINUSE'
      const why = isBusy
        ? 'another program listens there; choose another'
        : `cannot listen there (${cause.code})`
      reject(new RingferryError(isBusy ? 'BUSY' : 'SYSCALL', `${where}: ${why}`, { cause }))
    })
    server.listen(options, resolve)
  })
}

/** Ends what listens; its clients are hung up on. */
async function closeServer(app: FastifyInstance): Promise<void> {
  const closed = new Promise((resolve) => app.server.close(resolve))
  app.server.closeAllConnections()
  await closed
  await app.close()
}

interface OpenTcp {
  readonly app: FastifyInstance
  readonly tcp: NonNullable<RunningApi['tcp']>
  readonly madeFile: string | undefined
}

async function openTcp(
  daemon: Daemon,
  address: string,
  options: ApiOptions,
  onFault: (error: unknown) => void,
): Promise<OpenTcp> {
  const { host, port } = parseListen(address)
  // One that was handed over has no folder.
  const path = options.socket.startsWith('fd:') ? defaultControlPath() : options.socket
  const ownFile = join(dirname(path), `${basename(path, '.sock')}.token`)
  const tokenFile = options.tokenFile ?? ownFile
  const token = options.tokenFile === undefined ? makeToken(ownFile) : readToken(options.tokenFile)
  // What is known only once it listens: a browser must name the port that it came by.
  const door = { kind: 'tcp' as const, token, port }
  const app = await makeServer(daemon, { door, onFault })
  await listen(app.server, { host, port }, address)
  door.port = (app.server.address() as AddressInfo).port
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${door.port}`
  const madeFile = options.tokenFile === undefined ? ownFile : undefined
  return { app, tcp: { url, tokenFile }, madeFile }
}

/**
 * Opens the API of a switch. A stale socket is replaced. Throws BUSY when a program listens there or something else is
 * there, NOT_FOUND, PERMISSION, USAGE.
 */
export async function openApi(daemon: Daemon, options: ApiOptions): Promise<RunningApi> {
  const { socket, listen: address, tokenFile: _, ...access } = options
  const onFault = (error: unknown): void => daemon.log.error(error, 'a request met a fault of Ringferry')
  const fd = openListening(socket, { socketMode: SOCKET_MODE, ...access })
  const app = await makeServer(daemon, { door: { kind: 'unix' }, onFault })
  await listen(app.server, { fd }, socket)
  const close = async (): Promise<void> => {
    await closeServer(app)
    removeListening(socket)
  }
  if (address === undefined) return { close }
  try {
    const { app: second, tcp, madeFile } = await openTcp(daemon, address, options, onFault)
    return {
      tcp,
      close: async () => {
        await Promise.all([closeServer(second), close()])
        if (madeFile !== undefined) unlinkQuietly(madeFile)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
