/** Greedy and slow clients of the API while numbered frames cross: none is lost, and every other client is answered. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../src/daemon/api/client.js'
import { showFdb } from '../../src/daemon/api/routes/fdb.js'
import { setPort } from '../../src/daemon/api/routes/ports.js'
import { getStats } from '../../src/daemon/api/routes/stats.js'
import { getTuning } from '../../src/daemon/api/routes/tuning.js'
import { openApi } from '../../src/daemon/api/serve.js'
import { Daemon } from '../../src/daemon/daemon.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../src/embedded/worker.js'
import { Switch } from '../../src/engine/switch.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { LONG_RING, PLAIN_FEATURES, SLOW_FPS } from '../support/long-rings.js'
import { EVENT_LIMIT_MS } from '../support/step-until.js'

const METER = '02:00:00:00:00:01'
const GENERATOR = '02:00:00:00:00:02'
const ROUNDS = 100
const GREEDY = 8

describe('a switch whose API is flooded', () => {
  const undo: (() => Promise<unknown> | unknown)[] = []

  afterEach(async () => {
    for (const each of undo.splice(0).reverse()) await each()
  })

  async function attach(
    made: Switch,
    name: string,
    mac: string,
    role: EmbeddedRole,
  ): Promise<EmbeddedWorker> {
    const [ours, theirs] = socketPair()
    await made.addPort({ kind: 'embedded', name, fd: ours })
    const options = { mac, role, spinUs: 0, ringSize: LONG_RING, features: PLAIN_FEATURES }
    const worker = await EmbeddedWorker.start(theirs, options)
    undo.push(() => worker.stop())
    return worker
  }

  async function until(hasHappened: () => boolean): Promise<void> {
    for (let waitedMs = 0; !hasHappened() && waitedMs < EVENT_LIMIT_MS; waitedMs += 10) await sleep(10)
    expect(hasHappened()).toBe(true)
  }

  it('loses no frame, and answers those who ask in order', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-flood-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    const made = await Switch.start({ memoryBytes: 256 * 2 ** 20 })
    undo.push(() => made.stop())
    const daemon = new Daemon(made)
    undo.push(() => daemon.close())
    const socket = join(folder, 'control.sock')
    const api = await openApi(daemon, { socket })
    undo.push(() => api.close())
    const meter = await attach(made, 'meter', METER, { kind: 'meter' })
    const generator = await attach(made, 'generator', GENERATOR, {
      kind: 'generator',
      to: METER,
      frameBytes: 200,
    })
    await made.addPort({ kind: 'vif', name: 'other', socket: join(folder, 'other.sock') })
    generator.setRate(SLOW_FPS)
    await until(() => meter.counters().rxFrames > SLOW_FPS)

    const raw = (bytes: string): Socket =>
      connect(socket)
        .on('error', () => {})
        .on('connect', function (this: Socket) {
          this.write(bytes)
        })
    const stuck = [
      'GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n',
      'GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50),
      'PATCH /v1/tun',
    ].flatMap((bytes) => Array.from({ length: GREEDY }, () => raw(bytes).pause()))
    undo.push(() => stuck.map((each) => each.destroy()))
    const client = new ApiClient(socket)
    const greedy = Array.from({ length: GREEDY }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all([client.call(getStats), client.call(getTuning), client.call(showFdb)])
        raw('NONSENSE\r\n\r\n').resume()
      }
    })
    for (let round = 0; round < ROUNDS; round++)
      await client.call(setPort, { params: { name: 'other' }, body: { vlan: 1 + (round % 9) } as never })
    await Promise.all(greedy)
    generator.setRate(0)
    await until(() => generator.generatorState().rateFps === 0)
    const { txFrames } = generator.counters()
    await until(() => meter.counters().rxFrames >= txFrames)
    expect(meter.counters()).toMatchObject({ rxFrames: txFrames, lost: 0, reordered: 0, duplicated: 0 })
  })
})
