/** Asks a running switch: what commands, and programs, use. Routes give the types. */
import { type IncomingMessage, request } from 'node:http'
import { PassThrough, pipeline, type Readable } from 'node:stream'
import type { z } from 'zod'
import { ERRORS, type ErrorCode, RingferryError } from '../../errors/errors.js'
import { checkReachable } from '../../sys/socket-reach.js'
import type { Route } from './route.js'
import { errorSchema } from './schemas.js'

const ANSWER_LIMIT_MS = 10_000
/** A stream says something at least so often. */
const STREAM_SILENCE_MS = 30_000
const OK = 200
/** Characters of an answer that is none. */
const MOST_QUOTED = 200

/** What a call may give; what a route has none of is left out. */
export interface Call<Params, Query, Headers, Body> {
  readonly params?: Params
  readonly query?: Query
  readonly headers?: Headers
  readonly body?: Body
}

/** How a stopped switch is started, for messages. */
const startHint = (path: string): string => `ringferry up --control ${path}`

function fill(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
}

/** An error of the connection, said as what it means. */
function hangUp(path: string, error: unknown): RingferryError {
  if (error instanceof RingferryError) return error
  const { message } = error as Error
  return new RingferryError('SYSCALL', `${path}: the switch hung up (${message})`, { cause: error })
}

/** What an answer brings. The switch may die in the midst of it: SYSCALL. */
function bodyOf(path: string, response: IncomingMessage): Readable {
  const body = new PassThrough({
    destroy: (error, done) => done(error && hangUp(path, error)),
  })
  // Errors of both are the body's.
  pipeline(response, body, () => {})
  return body
}

async function text(path: string, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of bodyOf(path, response)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** The error that an answer tells of. */
function errorOf(path: string, status: number, body: string): Error {
  try {
    const { code, message } = errorSchema.parse(JSON.parse(body)).error
    if (code in ERRORS) return new RingferryError(code as ErrorCode, message)
  } catch {
    // No answer of a switch.
  }
  return new RingferryError(
    'SYSCALL',
    `${path}: the switch answered with status ${status}: ${body.slice(0, MOST_QUOTED)}`,
  )
}

/** A client of the API behind a Unix socket. */
export class ApiClient {
  readonly #socket: string

  /** @param socket the path of the control socket */
  constructor(socket: string) {
    this.#socket = socket
  }

  /**
   * Calls a route. Throws what the switch answers, and NOT_FOUND, PERMISSION or SYSCALL when nobody can be asked.
   */
  async call<
    P extends z.ZodObject,
    Q extends z.ZodObject,
    H extends z.ZodObject,
    B extends z.ZodType,
    A extends z.ZodType,
  >(
    route: Route<P, Q, H, B, A>,
    given: Call<z.infer<P>, z.infer<Q>, z.infer<H>, z.infer<B>> = {},
  ): Promise<z.infer<A>> {
    const response = await this.#send(route, given, ANSWER_LIMIT_MS)
    return this.read(route.answer, await text(this.#socket, response))
  }

  /** What a switch said as a schema describes it, with whatever a newer one says beside it. Throws SYSCALL for another. */
  read<A extends z.ZodType>(schema: A | undefined, said: string): z.infer<A> {
    let value: unknown
    try {
      value = JSON.parse(said)
    } catch (cause) {
      const quoted = said.slice(0, MOST_QUOTED)
      throw new RingferryError('SYSCALL', `${this.#socket}: this is no answer of a switch: ${quoted}`, {
        cause,
      })
    }
    const fault = schema?.safeParse(value).error?.issues.find(({ code }) => code !== 'unrecognized_keys')
    if (fault)
      throw new RingferryError(
        'SYSCALL',
        `${this.#socket}: this is no answer of a switch of this version (${[fault.path.join('.'), fault.message].filter(Boolean).join(': ')}); what listens there?`,
      )
    return value as z.infer<A>
  }

  /**
   * Calls a route that answers with a stream. It ends when the switch or the signal ends it, and fails with
   * SYSCALL when the switch dies.
   */
  async stream<P extends z.ZodObject, Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType>(
    route: Route<P, Q, H, B>,
    given: Call<z.infer<P>, z.infer<Q>, z.infer<H>, z.infer<B>> = {},
    signal?: AbortSignal,
  ): Promise<Readable> {
    const response = await this.#send(route, given, STREAM_SILENCE_MS, signal)
    return bodyOf(this.#socket, response)
  }

  async #send(
    route: Pick<Route, 'method' | 'path'>,
    { params = {}, query = {}, headers = {}, body }: Call<object, object, object, unknown>,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const socketPath = this.#socket
    checkReachable(socketPath, startHint(socketPath))
    const search = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    )
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        {
          socketPath,
          method: route.method,
          path: `${fill(route.path, params as Record<string, unknown>)}${search.size === 0 ? '' : `?${search}`}`,
          headers: {
            ...(headers as Record<string, string>),
            host: 'localhost',
            ...(sent === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          },
          timeout: limitMs,
          agent: false,
          ...(signal ? { signal } : {}),
        },
        resolve,
      )
      outgoing.once('timeout', () =>
        outgoing.destroy(
          new RingferryError('SYSCALL', `${socketPath}: the switch says nothing for ${limitMs / 1000} s`),
        ),
      )
      outgoing.once('error', (error) => reject(hangUp(socketPath, error)))
      outgoing.end(sent)
    })
    if (response.statusCode === OK) return response
    throw errorOf(socketPath, response.statusCode ?? 0, await text(socketPath, response))
  }
}
