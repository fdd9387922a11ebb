/** What the dashboard is served with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { broadcast } from '../../../../test/support/switch.js'
import { EmbeddedGuest } from '../../../embedded/guest.js'
import { Switch } from '../../../engine/switch.js'
import { Daemon } from '../../daemon.js'
import { ApiClient } from '../client.js'
import { openApi, type RunningApi } from '../serve.js'
import { makeServer } from '../server.js'
import { getDelays } from './delays.js'
import { getLive, liveSchema } from './live.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-dashboard-'))
const socket = join(folder, 'control.sock')
const client = new ApiClient(socket)
let running: Switch
let daemon: Daemon
let api: RunningApi
let app: FastifyInstance

beforeAll(async () => {
  running = await Switch.start({ memoryBytes: 64 * 2 ** 20 })
  for (const name of ['g1', 'g2'])
    await running.addPort({ kind: 'vif', name, socket: join(folder, `${name}.sock`) })
  daemon = new Daemon(running)
  api = await openApi(daemon, { socket })
  app = await makeServer(daemon, { door: { kind: 'tcp', token: 'a token of this test', port: 80 } })
})
afterAll(async () => {
  await app.close()
  await api.close()
  await daemon.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

const get = (url: string) => app.inject({ method: 'GET', url, headers: { host: '127.0.0.1' } })

describe('the dashboard', () => {
  it.each([
    ['/', 'text/html'],
    ['/dashboard/main.js', 'text/javascript'],
    ['/dashboard/style.css', 'text/css'],
    ['/dashboard/icon.svg', 'image/svg+xml'],
  ])('%s is served as %s, without a token, under a strict policy', async (url, type) => {
    const { statusCode, headers } = await get(url)
    expect([statusCode, headers['content-type']?.toString().split(';')[0]]).toEqual([200, type])
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|\*|http/)
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  it.each([
    '/dashboard/',
    '/dashboard/../server.js',
    '/dashboard/%2e%2e%2findex.js',
    '/dashboard/..%2f..%2fpackage.json',
    '/dashboard/main.js.map',
    '/dashboard/constructor',
  ])('%s is not there', async (url) => {
    const { statusCode } = await get(url)
    expect(statusCode).toBe(404)
  })
})

describe('what the dashboard asks', () => {
  it('GET /v1/live tells the whole switch, and again each second when it is followed', async () => {
    const live = await client.call(getLive)
    expect(liveSchema.parse(live)).toEqual(live)
    expect(live).toMatchObject({
      ports: [{ name: 'g1' }, { name: 'g2' }],
      stats: [{ name: 'g1' }, { name: 'g2' }],
      promises: [{ name: 'g1' }, { name: 'g2' }],
      tuning: { vifs: [{ name: 'g1' }, { name: 'g2' }] },
    })
    const stream = await client.stream(getLive, { query: { follow: true } })
    const clocks: number[] = []
    let text = ''
    for await (const chunk of stream) {
      text += chunk
      const messages = text.split('\n\n')
      text = messages.pop() ?? ''
      for (const message of messages)
        if (message.startsWith('data: '))
          clocks.push(liveSchema.parse(JSON.parse(message.slice('data: '.length))).clockS)
      if (clocks.length >= 2) break
    }
    expect(clocks[1]).toBeGreaterThan(clocks[0] ?? 0)
  })

  it('GET /v1/ports/{name}/delays counts each published frame once, and is NOT_FOUND for a port that is not there', async () => {
    const guests = ['g1', 'g2'].map((name) => new EmbeddedGuest(join(folder, `${name}.sock`)))
    const [one, two] = guests as [EmbeddedGuest, EmbeddedGuest]
    // Both links must be up before a frame is sent.
    await expect
      .poll(() => running.status().map(({ state }) => state), { timeout: 60_000 })
      .toEqual(['up', 'up'])
    one.driver.send(broadcast(1))
    const framesOf = async (): Promise<number> =>
      (await client.call(getDelays, { params: { name: 'g2' } })).buckets.reduce(
        (all, { total }) => all + total,
        0,
      )
    await expect.poll(framesOf, { timeout: 60_000 }).toBe(1)
    const { buckets } = await client.call(getDelays, { params: { name: 'g2' } })
    const sum = (part: 'total' | 'queue' | 'hold'): number =>
      buckets.reduce((all, each) => all + each[part], 0)
    expect([sum('total'), sum('queue'), sum('hold')]).toEqual([1, 1, 1])
    for (const { fromUs, toUs } of buckets) expect(toUs).toBeGreaterThan(fromUs)
    await expect(client.call(getDelays, { params: { name: 'g3' } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    one.close()
    two.close()
  })
})
