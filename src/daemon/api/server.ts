/**
 * The HTTP server of the API. To add a route: make a file in routes/ whose exports are made by `route()` (what a route is:
 * route.ts), list them in routes.ts, and run the build, which writes docs/schema/openapi.json. Nothing else: the checks of
 * parameters, body and token, the errors, the document and the client's types follow from that object. What routes work
 * with is the `Daemon`. An answer that is no JSON is a `Content`; one without end is a `Content` with a Readable.
 *
 *   connection: too many?  ->  request: whose page? token?  ->  parameters, body: as the schemas say  ->  handle  ->  JSON
 *
 * It runs in the control thread and reads shared memory: the engine notices nothing of what is asked. Every wait has a
 * limit, and every buffer.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { didYouMean } from '../../errors/suggestion.js'
import type { Daemon } from '../daemon.js'
import { checked, failureOf, HttpRefusal } from './failure.js'
import { checkClient, type Door } from './guard.js'
import { type AnyRoute, Content } from './route.js'
import { ROUTES } from './routes.js'

const MAX_BODY_BYTES = 1_048_576
const MAX_HEADER_BYTES = 16_384
/** Connections that are served, and beyond those the ones that are told so; others are hung up on. */
const MAX_CONNECTIONS = 64
const MAX_TOLD_CONNECTIONS = 32
/** A client that sends or takes nothing for so long is hung up on. */
const SILENCE_LIMIT_MS = 15_000
/** Until a request is whole. */
const REQUEST_LIMIT_MS = 10_000
const KEEP_ALIVE_MS = 5_000
const CHECK_EVERY_MS = 1_000

const NOT_FOUND = 404
const METHOD_NOT_ALLOWED = 405
const TOO_MANY = 503

/** "/v1/ports/{name}" as fastify writes it: "/v1/ports/:name". */
const fastifyPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1')

/** Query values as the schema wants them: "5" is a number where one is wanted. */
function readQuery(schema: z.ZodObject, query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read = (name: string, value: unknown): unknown => {
    const field = Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined
    if (field === undefined || typeof value !== 'string' || field.safeParse(value).success) return value
    if (value === 'true' || value === 'false') return value === 'true'
    return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
  }
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, read(name, value)]))
}

function pick(schema: z.ZodObject, headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = Object.keys(schema.shape).filter((name) => headers[name] !== undefined)
  return readQuery(schema, Object.fromEntries(names.map((name) => [name, headers[name]])))
}

async function serve(
  daemon: Daemon,
  route: AnyRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const answer: unknown = await route.handle(daemon, {
    params: checked(route.params, request.params, 'the path'),
    query: checked(
      route.query,
      readQuery(route.query, request.query as Record<string, unknown>),
      'the query',
    ),
    headers: checked(route.headers, pick(route.headers, request.headers), 'the headers'),
    body: route.body === undefined ? undefined : checked(route.body, request.body ?? null, 'the body'),
  })
  if (answer instanceof Content) await reply.type(answer.type).headers(answer.headers).send(answer.body)
  else await reply.type('application/json; charset=utf-8').send(JSON.stringify(answer))
}

/** Says which paths or methods there are. */
function refuseUnknown(routes: readonly AnyRoute[], request: FastifyRequest, reply: FastifyReply): never {
  const [path = ''] = request.url.split('?')
  const matches = (route: AnyRoute): boolean =>
    new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(path)
  const methods = routes.filter(matches).map(({ method }) => method)
  if (methods.length > 0) {
    reply.header('allow', methods.join(', '))
    throw new HttpRefusal(
      METHOD_NOT_ALLOWED,
      'USAGE',
      `${request.method} is not for ${path}; it takes ${methods.join(', ')}`,
    )
  }
  const paths = [...new Set(routes.map((route) => route.path))]
  throw new HttpRefusal(
    NOT_FOUND,
    'NOT_FOUND',
    `there is nothing at ${path.slice(0, 100)}${didYouMean(path, paths)}; GET /v1/openapi.json lists what there is`,
  )
}

/** The answer to what is no HTTP, too long, or too slow: there is no request that fastify could answer. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  const [status, text] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request took too long']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', `the headers are longer than ${MAX_HEADER_BYTES} bytes`]
        : ['400 Bad Request', 'this is no HTTP/1.1 request']
  const body = JSON.stringify({ error: { code: 'USAGE', message: text } })
  if (socket.writable && error.code !== 'ECONNRESET')
    socket.end(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  // Half closed it would wait for a client that sends on.
  socket.destroySoon()
}

/** Counts the connections of a server. Returns whether a socket is one too many. */
function limitConnections(server: Server): (socket: Socket) => boolean {
  const tooMany = new WeakSet<Socket>()
  let served = 0
  server.maxConnections = MAX_CONNECTIONS + MAX_TOLD_CONNECTIONS
  server.on('connection', (socket) => {
    if (served >= MAX_CONNECTIONS) {
      tooMany.add(socket)
      return
    }
    served++
    socket.once('close', () => served--)
  })
  return (socket) => tooMany.has(socket)
}

export interface ServerOptions {
  readonly door: Door
  /** Told of faults of Ringferry, which are answered with 500. */
  readonly onFault?: (error: unknown) => void
  readonly routes?: readonly AnyRoute[]
}

/** A server for the clients of one door. It listens on `server.server`. */
export async function makeServer(daemon: Daemon, options: ServerOptions): Promise<FastifyInstance> {
  const { door, routes = ROUTES, onFault = () => {} } = options
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    connectionTimeout: SILENCE_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_LIMIT_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      requireHostHeader: false,
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _, reply) => {
      answerFailure(error, reply)
    },
  })
  function answerFailure(error: unknown, reply: FastifyReply): void {
    const { status, answer } = failureOf(error, onFault)
    // Whoever was refused may not have been read to the end.
    if (status === TOO_MANY || status === 413) reply.header('connection', 'close')
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="ringferry"')
    void reply.status(status).type('application/json; charset=utf-8').send(JSON.stringify(answer))
  }
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler((error, _, reply) => answerFailure(error, reply))
  app.setNotFoundHandler((request, reply) => refuseUnknown(routes, request, reply))
  const isTooMany = limitConnections(app.server)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    if (isTooMany(request.raw.socket))
      throw new HttpRefusal(TOO_MANY, 'BUSY', `there are ${MAX_CONNECTIONS} connections already; try later`)
    const { route } = request.routeOptions.config as { readonly route?: AnyRoute }
    checkClient(door, request.headers, route?.needsToken ?? false)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request
    daemon.log.debug({ method, url, status: reply.statusCode, ms: reply.elapsedTime }, 'request')
  })
  for (const route of routes)
    app.route({
      method: route.method,
      url: fastifyPath(route.path),
      config: { route },
      handler: (request, reply) => serve(daemon, route, request, reply),
    })
  await app.ready()
  return app
}
