import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { C_EGRESS_FRAMES, DROP_RATE, NET_HEADER_BYTES, STAGE_AT } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { closeFd, connectUnix } from '../../src/sys/unix-socket.js'
import { streamSide } from '../support/far-sides.js'
import { stepUntil } from '../support/step-until.js'
import { attach, broadcast, cleanUp, counter, dropped, newEngine } from '../support/switch.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-limits-'))
const socket = join(folder, 's.sock')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(cleanUp)

const START_US = 1e12
const FRAMES = 120

/** A stream port 0 with limits, its peer, and a guest on port 1; the clock is the test's own. */
function open(settings: Partial<PortSettings>): { engine: Engine; fd: number; at: (us: number) => void } {
  const engine = newEngine()
  engine.addPort({ kind: 'stream', name: 's', socket, ...settings })
  const fd = connectUnix(socket)
  engine.step()
  attach(engine, 'g')
  const at = (us: number): void => {
    new Globals(engine.memory).nowUs = START_US + us
  }
  at(0)
  return { engine, fd, at }
}

function ingest(engine: Engine, port: number, count: number): void {
  const data = broadcast(port + 1)
  engine.memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
  engine.memory.u8.set(data, STAGE_AT + NET_HEADER_BYTES)
  for (let i = 0; i < count; i++)
    engine.plane.ingest(port, STAGE_AT, data.length + NET_HEADER_BYTES, NET_HEADER_BYTES)
  engine.plane.publish()
}

describe('a host port with a rate limit', () => {
  it('forwards what it read in order of time, at its rate, when fromVm is limited', () => {
    const { engine, fd, at } = open({ fromVm: { framesPerSecond: 100 } })
    ingest(engine, 0, 20)
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(10)
    at(49_999)
    expect(engine.plane.releaseFrom(0)).toBe(4)
    at(99_999)
    expect(engine.plane.releaseFrom(0)).toBe(5)
    at(1_000_000)
    expect(engine.plane.releaseFrom(0)).toBe(1)
    expect(engine.plane.releaseFrom(0)).toBe(0)
    expect(dropped(engine, 0, DROP_RATE)).toBe(0)
    closeFd(fd)
  })

  it('lets what waits go on in order, and has its memory back, when the limit is lifted while it runs', () => {
    const { engine, fd, at } = open({})
    const free = engine.memory.freeBytes
    const config = { kind: 'stream', name: 's', socket } as const
    engine.apply([{ change: 'set', config: { ...config, fromVm: { framesPerSecond: 100 } } }])
    ingest(engine, 0, 200)
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(10)
    at(50_000)
    engine.apply([{ change: 'set', config }])
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(200)
    expect(dropped(engine, 0, DROP_RATE)).toBe(0)
    expect(engine.memory.freeBytes).toBe(free)
    ingest(engine, 0, 1)
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(201)
    closeFd(fd)
  })

  it('lets its output go at its rate when toVm is limited', () => {
    const { engine, fd, at } = open({ toVm: { framesPerSecond: 100 } })
    ingest(engine, 1, 20)
    expect(engine.plane.ready(0)).toBe(10)
    expect(engine.plane.ready(0)).toBe(10)
    engine.plane.dropBacklog(0)
    expect(engine.plane.ready(0)).toBe(0)
    ingest(engine, 1, 5)
    expect(engine.plane.ready(0)).toBe(0)
    at(20_000)
    expect(engine.plane.ready(0)).toBe(2)
    closeFd(fd)
  })

  it.each([
    ['fromVm', 0, 88],
    ['toVm', 1, 98],
  ] as const)('drops from the front what waited for 100 ms, but for two frames, when %s is flooded', (direction, port, drops) => {
    const { engine, fd, at } = open({ [direction]: { framesPerSecond: 100 } })
    ingest(engine, port, 100)
    at(100_000)
    expect(dropped(engine, 0, DROP_RATE)).toBe(0)
    at(100_001)
    expect(port === 0 ? engine.plane.releaseFrom(0) : engine.plane.ready(0)).toBe(2)
    expect(dropped(engine, 0, DROP_RATE)).toBe(drops)
    closeFd(fd)
  })

  it('delivers everything to its peer when the engine runs by itself', () => {
    const engine = newEngine()
    engine.addPort({
      kind: 'stream',
      name: 's',
      socket,
      toVm: { framesPerSecond: 1000 },
      fromVm: { framesPerSecond: 1000 },
    })
    const guest = attach(engine, 'g')
    const far = streamSide(connectUnix(socket), () => engine.step())
    engine.step()
    for (let i = 0; i < FRAMES; i++) {
      far.send(broadcast(1))
      guest.driver.send(broadcast(2))
    }
    let [there, back] = [0, 0]
    stepUntil(engine, () => {
      there += guest.driver.drainRx(false)
      while (far.receive()) back++
      return there >= FRAMES && back >= FRAMES
    })
    expect([there, back]).toEqual([FRAMES, FRAMES])
    far.close()
  })
})
