import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { expectError } from '../../test/support/expect-error.js'
import { streamSide } from '../../test/support/far-sides.js'
import { stepUntilState } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine } from '../../test/support/switch.js'
import { DROP_RUNT, DROP_TOO_LONG, MAX_FRAME_BYTES } from '../core/layout.js'
import type { Engine } from '../engine/engine.js'
import {
  acceptUnix,
  closeFd,
  connectUnix,
  listenUnix,
  receiveWithFds,
  sendWithFds,
} from '../sys/unix-socket.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-stream-'))
const socket = join(folder, 's.sock')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(cleanUp)

function message(frame: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(frame.length)
  return Buffer.concat([head, frame])
}

function open(): { engine: Engine; fd: number } {
  const engine = newEngine()
  engine.addPort({ kind: 'stream', name: 's', socket })
  const fd = connectUnix(socket)
  engine.step()
  return { engine, fd }
}

function settle(engine: Engine): void {
  for (let step = 0; step < 6; step++) engine.step(500)
}

describe('StreamPort', () => {
  it('puts frames together from any pieces', () => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    const frames = [broadcast(1, 14), broadcast(1, 61), broadcast(1, 1514)]
    const bytes = Buffer.concat(frames.map(message))
    for (const piece of [1, 3, 17, 1000]) {
      for (let at = 0; at < bytes.length; at += piece) {
        sendWithFds(fd, bytes.subarray(at, at + piece))
        engine.step()
      }
      const received = collect(engine, () => guest.driver.receive(), 3)
      expect(received.map(({ frame }) => Buffer.from(frame))).toEqual(frames.map((sent) => Buffer.from(sent)))
    }
    closeFd(fd)
  })

  it('takes hundreds of frames from one write, and the largest', () => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g', { ringSize: 1024 })
    sendWithFds(fd, Buffer.concat(Array.from({ length: 240 }, (_, n) => message(broadcast(1, 60 + (n % 7))))))
    const received = collect(engine, () => guest.driver.receive(), 240)
    expect(received.map(({ frame }) => frame.length)).toEqual(
      Array.from({ length: 240 }, (_, n) => 60 + (n % 7)),
    )
    const far = streamSide(fd, () => engine.step())
    far.send(broadcast(1, MAX_FRAME_BYTES))
    expect(
      Buffer.compare(
        collect(engine, () => guest.driver.receive(), 1)[0]?.frame ?? Buffer.alloc(0),
        broadcast(1, MAX_FRAME_BYTES),
      ),
    ).toBe(0)
    far.close()
  })

  it.each([
    [0, DROP_RUNT],
    [1, DROP_RUNT],
    [13, DROP_RUNT],
    [MAX_FRAME_BYTES + 1, DROP_TOO_LONG],
    [70_000, DROP_TOO_LONG],
    [262_145, DROP_TOO_LONG],
    [1_048_576, DROP_TOO_LONG],
  ])('skips and counts a frame of %i bytes, and takes the next', (bytes, reason) => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    const sent = Buffer.concat([
      message(broadcast(1)),
      message(new Uint8Array(bytes).fill(0xff)),
      message(broadcast(1, 99)),
    ])
    for (let at = 0; at < sent.length; at += 8_001) {
      sendWithFds(fd, sent.subarray(at, at + 8_001))
      engine.step()
    }
    expect(collect(engine, () => guest.driver.receive(), 2).map(({ frame }) => frame.length)).toEqual([
      60, 99,
    ])
    expect(dropped(engine, 0, reason)).toBe(1)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'up', detachments: 0 })
    closeFd(fd)
  })

  it('takes the largest frame that the switch sends', () => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    const far = streamSide(fd, () => engine.step())
    far.send(broadcast(1, MAX_FRAME_BYTES))
    expect(collect(engine, () => guest.driver.receive(), 1)[0]?.frame.length).toBe(MAX_FRAME_BYTES)
    far.close()
  })

  it.each([
    1_048_577, 0x4745_5420,
  ])('detaches a peer that announces a frame of %i bytes, and takes the next', (bytes) => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    const head = Buffer.alloc(20)
    head.writeUInt32BE(bytes)
    sendWithFds(fd, Buffer.concat([message(broadcast(1)), head]))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
    settle(engine)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'waiting', detachments: 1 })
    expect(engine.ports[0]?.status().reason).toContain(`a frame of ${bytes} bytes`)
    expect(receiveWithFds(fd, 16)?.closed).toBe(true)
    closeFd(fd)
    const next = streamSide(connectUnix(socket), () => engine.step())
    settle(engine)
    next.send(broadcast(3))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
    next.close()
  })

  it('forgets half a frame with the peer that sent it', () => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    sendWithFds(fd, message(broadcast(1, 500)).subarray(0, 300))
    settle(engine)
    closeFd(fd)
    settle(engine)
    expect(engine.ports[0]?.status()).toMatchObject({
      state: 'waiting',
      detachments: 0,
      reason: 'the peer closed the connection',
    })
    const next = streamSide(connectUnix(socket), () => engine.step())
    next.send(broadcast(3, 70))
    expect(collect(engine, () => guest.driver.receive(), 1)[0]?.frame).toEqual(broadcast(3, 70))
    next.close()
  })

  it('begins with a whole frame for the next peer when the last one left in the middle of one', () => {
    const { engine, fd } = open()
    const guest = attach(engine, 'g')
    for (let n = 0; n < 600; n++) {
      guest.driver.send(frame(1, 2, 1500))
      if (n % 50 === 49) engine.step()
    }
    closeFd(fd)
    settle(engine)
    const next = streamSide(connectUnix(socket), () => engine.step())
    settle(engine)
    guest.driver.send(frame(1, 2, 99))
    expect(collect(engine, () => next.receive(), 1)[0]?.frame).toEqual(frame(1, 2, 99))
    next.close()
  })

  it('turns a second peer away while the first is there', () => {
    const { engine, fd } = open()
    const second = connectUnix(socket)
    settle(engine)
    expect(receiveWithFds(second, 16)?.closed).toBe(true)
    expect(engine.ports[0]?.status().state).toBe('up')
    closeFd(second)
    closeFd(fd)
  })

  it('waits for its peer as a client, and comes back to it', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'stream', name: 's', socket, mode: 'client' })
    settle(engine)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'waiting', place: socket })
    const listener = listenUnix(socket)
    for (let round = 0; round < 2; round++) {
      stepUntilState(engine, 'up')
      const fd = acceptUnix(listener)
      expect(fd).toBeGreaterThanOrEqual(0)
      closeFd(fd)
      settle(engine)
      expect(engine.ports[0]?.status().state).toBe('waiting')
    }
    closeFd(listener)
    rmSync(socket)
  })

  it('says in one line what is wrong and leaves nothing when it cannot open', () => {
    const engine = newEngine()
    const free = engine.memory.freeBytes
    const add = (path: string) => engine.addPort({ kind: 'stream', name: 's', socket: path })
    expectError(() => add(join(folder, 'none', 's')), 'NOT_FOUND', /its folder does not exist/)
    expectError(() => add(`/${'x'.repeat(120)}`), 'USAGE', /at most 107 bytes/)
    const listener = listenUnix(socket)
    expectError(() => add(socket), 'BUSY', /another program listens/)
    closeFd(listener)
    rmSync(socket)
    writeFileSync(socket, '')
    expectError(() => add(socket), 'BUSY', /exists and is no socket/)
    expect(existsSync(socket)).toBe(true)
    rmSync(socket)
    expect(engine.memory.freeBytes).toBe(free)
    add(socket)
    engine.removePort('s')
    expect(existsSync(socket)).toBe(false)
    expect(engine.memory.freeBytes).toBe(free)
  })
})
