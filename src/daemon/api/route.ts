/**
 * What a route of the API is: one object that says all of it. From it come the server's handler (server.ts), the OpenAPI
 * document (openapi.ts), and the types of whoever calls it (client.ts).
 */
import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { ErrorCode } from '../../errors/errors.js'
import type { Daemon } from '../daemon.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const nothing = z.strictObject({})
type Nothing = typeof nothing

/** An answer that is no JSON: text, bytes, or a stream, which is destroyed when the client goes. */
export class Content {
  readonly type: string
  readonly body: string | Buffer | Readable
  readonly headers: Readonly<Record<string, string>>

  /** @param type the media type */
  constructor(
    type: string,
    body: string | Buffer | Readable,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.type = type
    this.body = body
    this.headers = headers
  }
}

/** What a route is asked, checked against its schemas. */
export interface Asked<Params, Query, Headers, Body> {
  readonly params: Params
  readonly query: Query
  /** Only those that the route names. */
  readonly headers: Headers
  readonly body: Body
}

/** A route of the API. Schemas carry units in their descriptions; objects are strict. */
export interface Route<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Headers extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  readonly method: Method
  /** With parameters in braces: "/v1/ports/{name}". */
  readonly path: string
  /** Its name in the document and in messages, in camelCase: "listPorts". */
  readonly id: string
  readonly summary: string
  readonly params: Params
  /** Flat: texts, numbers and booleans. */
  readonly query: Query
  /** In lower case: "last-event-id". */
  readonly headers: Headers
  readonly body: Body | undefined
  /** The JSON answer, unless it answers with other content alone. */
  readonly answer: Answer | undefined
  /** Other content: what it is, by media type. */
  readonly content: Readonly<Record<string, string>>
  /** Errors that it answers beside USAGE. */
  readonly errors: readonly ErrorCode[]
  /** Whether a TCP client must show the token. Default: for all methods but GET. */
  readonly needsToken: boolean
  handle(
    daemon: Daemon,
    asked: Asked<z.infer<Params>, z.infer<Query>, z.infer<Headers>, z.infer<Body>>,
  ): z.input<Answer> | Content | Promise<z.input<Answer> | Content>
}

type Spec<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Headers extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> = Pick<Route<Params, Query, Headers, Body, Answer>, 'method' | 'path' | 'id' | 'summary' | 'handle'> &
  Partial<Route<Params, Query, Headers, Body, Answer>>

/** Makes a route; what is left out is empty. */
export function route<
  Params extends z.ZodObject = Nothing,
  Query extends z.ZodObject = Nothing,
  Headers extends z.ZodObject = Nothing,
  Body extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodUndefined,
>(spec: Spec<Params, Query, Headers, Body, Answer>): Route<Params, Query, Headers, Body, Answer> {
  return {
    params: nothing as unknown as Params,
    query: nothing as unknown as Query,
    headers: nothing as unknown as Headers,
    body: undefined,
    answer: undefined,
    content: {},
    errors: [],
    needsToken: spec.method !== 'GET',
    ...spec,
  }
}

/** A route whose schemas are of no interest. */
// biome-ignore lint/suspicious/noExplicitAny: the handler takes what its own schemas say, and nothing else will do
export type AnyRoute = Route<any, any, any, any, any>
