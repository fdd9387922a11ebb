/** The server against its document: whatever is sent, it answers as the document says, and has no fault of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JsonSchema, ofSchema } from '../../../test/support/json-arbitrary.js'
import { Switch } from '../../engine/switch.js'
import { Daemon } from '../daemon.js'
import { openApiDocument } from './openapi.js'
import { ROUTES } from './routes.js'
import { makeServer } from './server.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-contract-'))
let running: Switch
let daemon: Daemon
let app: FastifyInstance
const faults: unknown[] = []

beforeAll(async () => {
  running = await Switch.start({ memoryBytes: 64 * 2 ** 20 })
  await running.addPort({ kind: 'vif', name: 'g1', socket: join(folder, 'g1.sock') })
  daemon = new Daemon(running, { log: pino({ level: 'silent' }, { write: () => {} }) })
  app = await makeServer(daemon, { door: { kind: 'unix' }, onFault: (error) => faults.push(error) })
})
afterAll(async () => {
  await app.close()
  await daemon.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

interface Operation {
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly schema: JsonSchema
  }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: JsonSchema }> }
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema: JsonSchema }> }>
}

const document = openApiDocument(ROUTES, '0')
const { schemas } = document.components as { readonly schemas: Record<string, JsonSchema> }
const paths = document.paths as Record<string, Record<string, Operation>>
/** Streams have tests of their own: here they would never end. */
const answersJson = ({ responses }: Operation): boolean =>
  'application/json' in (responses[200]?.content ?? {})
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, operation]) => answersJson(operation))
    .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
ajv.addSchema({ $id: 'api', components: { schemas } })
/** Checks against a schema of the document, whose references lead into it. */
const validator = (schema: JsonSchema) =>
  ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')))
const JSON_TYPE = 'application/json'

const names = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('g1', 'p1', 'p2', 'p3') },
  { weight: 1, arbitrary: fc.constantFrom('no such', '..', '%', 'a/b') },
)
/** Values that the machine can stand: sockets in a folder of ours, no device, no endless log. */
const given = (name: string): fc.Arbitrary<unknown> | undefined =>
  ({
    name: names,
    vif: names,
    socket: fc.constantFrom('a', 'b', 'c', 'd', 'e').map((each) => join(folder, `${each}.sock`)),
    device: fc.constant('no such/device'),
    socketMode: fc.constantFrom('0660', '7777777'),
    socketOwner: fc.constant('0'),
    socketGroup: fc.constant('0'),
    peer: fc.constant(join(folder, 'peer.sock')),
    local: fc.constantFrom('127.0.0.1', 'x'),
    awake: fc.constant(0),
    macs: fc.constantFrom(['02:00:00:00:00:01'], ['no']),
    addresses: fc.constantFrom(['10.0.0.1', 'link-local'], ['x']),
    text: fc.oneof(
      fc.constantFrom('ports: []', 'ports: [', 'engine: {budget: 0.5}', 'a: *b', 'ports: [{kind: vif}]', ''),
      fc.string(),
    ),
  })[name]

const queryText = (query: unknown): string => {
  const entries = Object.entries(query as Record<string, unknown>).map(([name, value]) => [
    name,
    String(value),
  ])
  return new URLSearchParams(entries as [string, string][]).toString()
}

/** A request for an operation: as the document has it, or with something else in the place of a part. */
function request({ path, method, operation }: (typeof operations)[number]) {
  const { parameters = [], requestBody } = operation
  const query = parameters.filter((each) => each.in === 'query' && each.name !== 'follow')
  const properties = Object.fromEntries(query.map(({ name, schema }) => [name, schema]))
  const body = requestBody?.content[JSON_TYPE]?.schema
  const noise = fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()))
  return fc.record({
    path: names.map((name) => path.replace(/\{\w+\}/g, encodeURIComponent(name))),
    method: fc.constant(method),
    query: fc.oneof(
      { weight: 4, arbitrary: ofSchema({ type: 'object', properties }, schemas, given) },
      { weight: 1, arbitrary: fc.dictionary(fc.string(), fc.string()) },
    ),
    body: body
      ? fc.oneof({ weight: 5, arbitrary: ofSchema(body, schemas, given) }, { weight: 2, arbitrary: noise })
      : fc.constant(undefined),
  })
}

describe('the API and its document', () => {
  it('the document does not require what may be left out', () => {
    const required = operations.flatMap(({ operation: { parameters = [] } }) =>
      parameters.filter((each) => each.required).map((each) => `${each.in} ${each.name}`),
    )
    expect([...new Set(required)]).toEqual(['path name'])
  })

  it.each(
    operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const),
  )('%s answers as the document says, whatever it is asked', async (_, operation) => {
    const body = operation.operation.requestBody?.content[JSON_TYPE]?.schema
    const isBody = body && validator(body)
    const answers = new Map(
      Object.entries(operation.operation.responses).map(([status, { content }]) => [
        status,
        validator(content[JSON_TYPE]?.schema ?? {}),
      ]),
    )
    const seen = new Set<number>()
    await fc.assert(
      fc.asyncProperty(request(operation), async (asked) => {
        const response = await app.inject({
          method: asked.method as 'GET',
          url: `${asked.path}?${queryText(asked.query)}`,
          ...(asked.body === undefined
            ? {}
            : { payload: JSON.stringify(asked.body), headers: { 'content-type': JSON_TYPE } }),
        })
        const { statusCode } = response
        seen.add(statusCode)
        expect(faults.splice(0)).toEqual([])
        expect(statusCode).not.toBe(500)
        const [type = ''] = `${response.headers['content-type']}`.split(';')
        const { content = {} } = operation.operation.responses[`${statusCode}`] ?? {}
        // What is in a text that is no JSON is for other tests.
        if (type !== JSON_TYPE && type in content) return
        expect(type).toBe(JSON_TYPE)
        const isAnswer = answers.get(`${statusCode}`) ?? answers.get('default')
        const answer: unknown = response.json()
        expect({ fits: isAnswer?.(answer), errors: isAnswer?.errors, answer }).toMatchObject({ fits: true })
        if (isBody && !isBody(asked.body)) expect(statusCode).toBeGreaterThanOrEqual(400)
      }),
      { numRuns: 80 },
    )
    // A fuzzer that is always refused tests nothing. An answer without end is for other tests; here it is refused.
    const isEndless = operation.path === '/v1/captures'
    expect([...seen]).toContain(isEndless ? 404 : 200)
  })

  it('answers an error as the document says at any path and method', async () => {
    const isError = validator({ $ref: '#/components/schemas/Error' })
    const anyPath = fc.oneof(
      fc.webPath(),
      fc
        .array(fc.constantFrom('v1', 'ports', '..', '.', '%2e%2e', '%2f', '%00', '', 'etc', '%zz', 'fdb'))
        .map((parts) => `/${parts.join('/')}`),
    )
    const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE')
    await fc.assert(
      fc.asyncProperty(methods, anyPath, async (method, path) => {
        const { statusCode, body } = await app.inject({ method: method as 'GET', url: path || '/' })
        expect(faults.splice(0)).toEqual([])
        if (statusCode === 200) return
        expect([400, 403, 404, 405, 414, 415]).toContain(statusCode)
        if (method !== 'HEAD') expect({ fits: isError(JSON.parse(body)), body }).toMatchObject({ fits: true })
      }),
      { numRuns: 300 },
    )
  })
})
