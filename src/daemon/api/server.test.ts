import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Switch } from '../../engine/switch.js'
import { ringferryVersion } from '../../sys/version.js'
import { Daemon } from '../daemon.js'
import { serveApi } from '../serve-api.js'
import { ApiClient } from './client.js'
import { listPorts } from './routes/ports.js'
import { listPromises } from './routes/promises.js'
import { getStatus } from './routes/status.js'
import { changeTuning, getTuning } from './routes/tuning.js'
import { openApi, type RunningApi } from './serve.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-api-'))
const socket = join(folder, 'control.sock')
let running: Switch
let api: RunningApi
let daemon: Daemon
const client = new ApiClient(socket)

beforeAll(async () => {
  running = await Switch.start({ memoryBytes: 64 * 2 ** 20 })
  await running.addPort({ kind: 'vif', name: 'g1', socket: join(folder, 'g1.sock') })
  daemon = new Daemon(running)
  api = await openApi(daemon, { socket })
})
afterAll(async () => {
  await api.close()
  await daemon.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

describe('the API on a Unix socket', () => {
  it('has a socket that its owner and group may use', () => {
    expect(statSync(socket).mode & 0o777).toBe(0o660)
  })

  it('answers what the switch is', async () => {
    const { ports } = await client.call(listPorts)
    expect(ports).toEqual(running.status())
    expect(await client.call(getStatus)).toMatchObject({ version: ringferryVersion(), ports: 1, portsUp: 0 })
  })

  it('changes the tuning', async () => {
    const changed = await client.call(changeTuning, { body: { vif: 'g1', targetUs: 200 } })
    expect(changed.vifs).toMatchObject([{ name: 'g1', targetUs: 200 }])
    expect(await client.call(getTuning)).toMatchObject({ vifs: [{ name: 'g1', targetUs: 200 }] })
  })

  it('tells the verdict about every delay target, and counts them', async () => {
    const { promises } = await client.call(listPromises)
    expect(promises).toMatchObject([{ name: 'g1', state: 'not-held', last10s: { frames: 0, p99Us: null } }])
    expect(promises[0]?.advice).toContain('tune policy adaptive')
    expect((await client.call(getStatus)).targets).toEqual({ met: 0, missed: 0, noLoad: 0, notHeld: 1 })
  })

  it('refuses with the code and the text of the switch', async () => {
    const change = client.call(changeTuning, { body: { vif: 'g9', targetUs: 200 } })
    await expect(change).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('g9') })
  })

  it('is BUSY for a second switch on the same socket', async () => {
    await expect(openApi(daemon, { socket })).rejects.toMatchObject({ code: 'BUSY' })
  })
})

describe('serveApi', () => {
  it('serveApi serves the switch of a program until it is closed', async () => {
    const path = join(folder, 'program.sock')
    const served = await serveApi(running, { socket: path })
    expect((await new ApiClient(path).call(listPorts)).ports).toEqual(running.status())
    await served.close()
    await expect(new ApiClient(path).call(listPorts)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(serveApi(running, { socket })).rejects.toMatchObject({ code: 'BUSY' })
  })
})
