/** What the API refuses, over real sockets: one clear JSON error each, and the next client is served. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Switch } from '../../engine/switch.js'
import { Daemon } from '../daemon.js'
import { errorSchema } from './schemas.js'
import { openApi, parseListen, type RunningApi } from './serve.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-refusals-'))
const socket = join(folder, 'control.sock')
let running: Switch
let daemon: Daemon
let api: RunningApi
let port: number
let token: string

beforeAll(async () => {
  running = await Switch.start({ memoryBytes: 64 * 2 ** 20 })
  daemon = new Daemon(running)
  api = await openApi(daemon, { socket, listen: '127.0.0.1:0' })
  port = Number(new URL(api.tcp?.url ?? '').port)
  token = readFileSync(api.tcp?.tokenFile ?? '', 'utf8').trim()
})
afterAll(async () => {
  await api.close()
  await daemon.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

interface Answer {
  readonly status: number
  readonly body: string
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

function ask(
  by: 'tcp' | 'unix',
  { method = 'GET', path = '/v1/status', headers = {}, body }: Asked,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const where = by === 'unix' ? { socketPath: socket } : { host: '127.0.0.1', port }
    const sent = httpRequest({ ...where, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

/** The error of an answer that is one. */
const errorOf = ({ body }: Answer) => errorSchema.parse(JSON.parse(body)).error

const json = { 'content-type': 'application/json' }
const change = { method: 'PATCH', path: '/v1/tuning', headers: json, body: '{"budget":0.7}' }

describe('the API on TCP', () => {
  it('keeps the token that it made from others', () => {
    expect(statSync(api.tcp?.tokenFile ?? '').mode & 0o777).toBe(0o600)
    expect(token.length).toBeGreaterThan(40)
  })

  it('lets who has no token read, and change nothing', async () => {
    expect((await ask('tcp', {})).status).toBe(200)
    const refused = await ask('tcp', change)
    expect({ status: refused.status, ...errorOf(refused) }).toMatchObject({ status: 401, code: 'PERMISSION' })
    expect((await ask('tcp', { path: '/v1/config' })).status).toBe(401)
  })

  it.each([
    'Bearer wrong',
    'Basic cm9vdA==',
    'Bearer',
    '',
  ])('refuses reading as well when the token is %j', async (authorization) => {
    const refused = await ask('tcp', { headers: { authorization } })
    expect({ status: refused.status, ...errorOf(refused) }).toMatchObject({ status: 401, code: 'PERMISSION' })
  })

  it('does what who has the token asks', async () => {
    const headers = { ...json, authorization: `Bearer ${token}` }
    expect((await ask('tcp', { ...change, headers })).status).toBe(200)
    expect(running.tuning().budget).toBe(0.7)
  })

  it.each<[string, Record<string, string>]>([
    ['a page of another site', { origin: 'https://example.org' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a request that a browser says is cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['a request of another port of this machine', { 'sec-fetch-site': 'same-site' }],
    ['a name that was made to lead here', { host: 'example.org' }],
    ['the right name with another port', { host: 'localhost:1' }],
  ])('refuses %s, with the token as well', async (_, headers) => {
    for (const more of [{}, { authorization: `Bearer ${token}` }]) {
      const refused = await ask('tcp', { headers: { ...headers, ...more } })
      expect({ status: refused.status, ...errorOf(refused) }).toMatchObject({
        status: 403,
        code: 'PERMISSION',
      })
    }
  })

  it('serves its own page', async () => {
    const host = `localhost:${port}`
    const own = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }
    expect((await ask('tcp', { headers: own })).status).toBe(200)
  })

  it.each([
    '0.0.0.0:80',
    '192.168.1.1:80',
    '[::]:80',
    'example.org:80',
    '127.0.0.1',
    '127.0.0.1:99999',
    ':80',
    '',
  ])('parseListen refuses %j', (text) => {
    expect(() => parseListen(text)).toThrow(/^listen /)
  })

  it('takes a token from a file, unless others may read it or it is none', async () => {
    const file = join(folder, 'mine')
    const open = async (text: string, mode: number): Promise<void> => {
      rmSync(file, { force: true })
      writeFileSync(file, text, { mode })
      const second = await openApi(daemon, {
        socket: join(folder, 'second'),
        listen: '127.0.0.1:0',
        tokenFile: file,
      })
      await second.close()
    }
    await open('0123456789abcdef\n', 0o600)
    await expect(open('0123456789abcdef\n', 0o644)).rejects.toMatchObject({ code: 'PERMISSION' })
    await expect(open('short\n', 0o600)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(open('two words of sixteen', 0o600)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(
      openApi(daemon, { socket: join(folder, 'second'), listen: '127.0.0.1:0', tokenFile: '/dev/zero' }),
    ).rejects.toMatchObject({ code: 'CONFIG' })
  })

  it('is BUSY where another program listens, and leaves no socket behind', async () => {
    const path = join(folder, 'third')
    await expect(openApi(daemon, { socket: path, listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: 'BUSY',
    })
    expect(() => statSync(path)).toThrow()
  })
})

describe('the API on a Unix socket', () => {
  it.each<[string, number, Asked]>([
    ['a body that is too large', 413, { ...change, body: JSON.stringify({ x: 'x'.repeat(2 ** 20) }) }],
    ['a body that is no JSON', 400, { ...change, body: '{"budget":' }],
    ['an empty body', 400, { ...change, body: '' }],
    ['a body of another type', 415, { ...change, headers: { 'content-type': 'text/plain' } }],
    ['a form', 415, { ...change, headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['a body with a prototype', 400, { ...change, body: '{"__proto__":{"budget":1}}' }],
    ['a setting that there is not', 400, { ...change, body: '{"bugdet":1}' }],
    ['a query that there is not', 400, { path: '/v1/status?x=1' }],
    ['a query given twice', 400, { path: '/v1/fdb?vlan=1&vlan=2' }],
    ['a path upwards', 404, { path: '/v1/../../etc/passwd' }],
    ['a coded path upwards', 404, { path: '/v1/ports/..%2f..%2fetc' }],
    ['a path that is not coded right', 400, { path: '/v1/ports/%zz' }],
    ['a method that it does not take', 405, { method: 'PUT', path: '/v1/status' }],
    ['a name on the internet', 403, { headers: { host: 'example.org' } }],
    ['headers that are too long', 431, { headers: { x: 'x'.repeat(20_000) } }],
  ])('refuses %s with %i and one JSON error', async (_, status, asked) => {
    const refused = await ask('unix', asked)
    expect(refused.status).toBe(status)
    expect(errorOf(refused).message).not.toContain('\n')
    expect((await ask('unix', {})).status).toBe(200)
  })

  /** Sends bytes as they are. Resolves with all that comes until the other side hangs up. */
  function raw(bytes: string, sockets: Socket[] = []): Promise<string> {
    return new Promise((resolve, reject) => {
      const made = connect(socket)
      sockets.push(made)
      let text = ''
      made.on('data', (chunk) => {
        text += chunk
      })
      made.once('error', reject)
      made.once('close', () => resolve(text))
      made.write(bytes)
    })
  }
  const bodyOf = (text: string) => errorSchema.parse(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).error

  it.each([
    'GARBAGE\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /v1/status HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    '{"method":"tune"}\n',
  ])('hangs up with one JSON error on %j', async (bytes) => {
    const answer = await raw(bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(bodyOf(answer).code).toBe('USAGE')
  })

  it('hangs up on clients that do not finish their requests', async () => {
    const slow = [
      '',
      'GET /v1/status HT',
      'PATCH /v1/tuning HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ]
    const answers = await Promise.all(slow.map((bytes) => raw(bytes)))
    for (const answer of answers.filter((text) => text !== '')) expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answers[1]).not.toBe('')
  })

  it('tells clients beyond the limit that there are too many, and serves again when they go', async () => {
    const sockets: Socket[] = []
    const held = Array.from({ length: 64 }, () =>
      raw('GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n', sockets),
    )
    await Promise.all(sockets.map((each) => new Promise((resolve) => each.once('data', resolve))))
    const refused = await ask('unix', {})
    expect({ status: refused.status, ...errorOf(refused) }).toMatchObject({ status: 503, code: 'BUSY' })
    for (const each of sockets) each.destroy()
    await Promise.all(held)
    let status = 0
    while (status !== 200) status = (await ask('unix', {})).status
  })

  it('hangs up on a follower of events that does not read, and keeps no more than it must', async () => {
    const stuck = connect(socket)
    await new Promise((resolve) => {
      stuck.once('data', resolve)
      stuck.write('GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n')
    })
    stuck.pause()
    const closed = new Promise((resolve) => stuck.once('close', resolve))
    for (let made = 0; made < 4000; made++) daemon.events.add('changed', 'g1', 'x'.repeat(1000))
    await new Promise((resolve) => setImmediate(resolve))
    stuck.resume()
    await closed
    expect((await ask('unix', {})).status).toBe(200)
  })
})
