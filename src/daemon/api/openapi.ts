/** The OpenAPI 3.1 document of the API, made from its routes. Source: OpenAPI Specification 3.1.1. */
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../../errors/errors.js'
import type { AnyRoute } from './route.js'
import { errorSchema } from './schemas.js'

type Json = Record<string, unknown>

const PREFIX = '#/components/schemas/'

/** Schemas in a form for the document: those with an `id` go to its components, once each. */
class Components {
  readonly schemas: Json = {}

  /** @param io whether the schema is of what is sent to the server or of what it answers */
  of(schema: z.ZodType, io: 'input' | 'output'): Json {
    const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, { io }) as Json & { $defs?: Json }
    for (const [name, value] of Object.entries($defs)) this.#add(name, value as Json)
    const { id, ...rest } = own as Json & { id?: string }
    if (id === undefined) return this.#moved(rest)
    this.#add(id, rest)
    return { $ref: `${PREFIX}${id}` }
  }

  #add(name: string, schema: Json): void {
    const { id: _, ...rest } = schema
    this.schemas[name] = this.#moved(rest)
  }

  #moved(schema: Json): Json {
    return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${PREFIX}`)) as Json
  }
}

const json = (schema: Json): Json => ({ 'application/json': { schema } })

function parameters(components: Components, route: AnyRoute): Json[] {
  const places = [
    ['path', route.params],
    ['query', route.query],
    ['header', route.headers],
  ] as const
  return places.flatMap(([place, { shape }]) =>
    Object.entries(shape as Record<string, z.ZodType>).map(([name, schema]) => {
      const { description, ...rest } = components.of(schema, 'input')
      return {
        name,
        in: place,
        required: place === 'path' || !z.object({ [name]: schema }).safeParse({}).success,
        ...(description === undefined ? {} : { description }),
        schema: rest,
      }
    }),
  )
}

/** Errors of every route: what its guard and its checks refuse. */
const EVERYWHERE: readonly ErrorCode[] = ['USAGE', 'PERMISSION']

function responses(components: Components, route: AnyRoute): Json {
  const content = {
    ...(route.answer === undefined ? {} : json(components.of(route.answer, 'output'))),
    ...Object.fromEntries(
      Object.entries(route.content as Record<string, string>).map(([type, description]) => [
        type,
        { schema: { type: 'string', description } },
      ]),
    ),
  }
  const error = json(components.of(errorSchema, 'output'))
  const codes = [...EVERYWHERE, ...route.errors] as ErrorCode[]
  const failures = new Map<number, string>([
    [401, 'the token is missing or wrong (TCP)'],
    ...codes.map((code): [number, string] => [ERRORS[code].http, `${code}: ${ERRORS[code].title}`]),
  ])
  return {
    200: { description: 'Done', content },
    ...Object.fromEntries(
      [...failures].map(([status, description]) => [status, { description, content: error }]),
    ),
    default: { description: 'Any other refusal: too large, too many, too slow, stopping', content: error },
  }
}

function operation(components: Components, route: AnyRoute): Json {
  const listed = parameters(components, route)
  return {
    operationId: route.id,
    summary: route.summary,
    ...(listed.length === 0 ? {} : { parameters: listed }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(components.of(route.body, 'input')) } }),
    responses: responses(components, route),
    security: route.needsToken ? [{ token: [] }] : [{}, { token: [] }],
  }
}

/** The document. @param version of Ringferry */
export function openApiDocument(
  routes: readonly AnyRoute[],
  version: string,
): { readonly openapi: string } & Json {
  const components = new Components()
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    ;(paths[route.path] as Json)[route.method.toLowerCase()] = operation(components, route)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Ringferry',
      version,
      description:
        'Asks and changes a running switch. On a Unix socket its file says who may; on TCP (loopback) whoever shows the token, and who does not may read what needs none.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost', description: 'The control socket: curl --unix-socket SOCKET' }],
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}
