import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { expectError } from '../../test/support/expect-error.js'
import { dgramSide } from '../../test/support/far-sides.js'
import { stepUntil, untilDown, untilUp } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../../test/support/switch.js'
import { C_INGRESS_FRAMES, C_REFUSED, DROP_RUNT } from '../core/layout.js'
import type { Engine } from '../engine/engine.js'
import { closeFd, listenUnix, unlinkQuietly } from '../sys/unix-socket.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-dgram-'))
const socket = join(folder, 'd.sock')
afterAll(() => rmSync(folder, { recursive: true }))
const opened: { close(): void }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
  cleanUp()
})

function start(more: { peer?: string } = {}): Engine {
  const engine = newEngine()
  engine.addPort({ kind: 'dgram', name: 'port', socket, ...more })
  return engine
}

function peer(engine: Engine, name: string): ReturnType<typeof dgramSide> {
  const side = dgramSide(join(folder, name), socket, () => engine.step())
  opened.push(side)
  return side
}

const settle = (engine: Engine): void => {
  for (let step = 0; step < 6; step++) engine.step(500)
}

describe('DgramPort', () => {
  it('takes the first frame of the peer that it hears of by it', () => {
    const engine = start()
    const guest = attach(engine, 'g')
    peer(engine, 'one').send(broadcast(1))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
  })

  it('knows the greeting of vfkit for no frame, and counts what is shorter than one', () => {
    const engine = start()
    const one = peer(engine, 'one')
    one.send(Uint8Array.from(Buffer.from('VFKT')))
    untilUp(engine)
    expect([dropped(engine, 0, DROP_RUNT), counter(engine, 0, C_INGRESS_FRAMES)]).toEqual([0, 0])
    one.send(Uint8Array.of(1, 2, 3, 4))
    one.send(Uint8Array.of())
    settle(engine)
    expect(dropped(engine, 0, DROP_RUNT)).toBe(2)
  })

  it('has one peer at a time, and the next when it has gone', () => {
    const engine = start()
    const [one, two] = [peer(engine, 'one'), peer(engine, 'two')]
    one.send(broadcast(1))
    two.send(broadcast(2))
    untilUp(engine)
    expect(counter(engine, 0, C_REFUSED)).toBe(1)
    // The kernel refuses it from now on: a datagram socket that is connected hears nobody else.
    expect(() => two.send(broadcast(2))).toThrow(/EPERM/)
    opened.shift()?.close()
    untilDown(engine)
    two.send(broadcast(2))
    untilUp(engine)
    const guest = attach(engine, 'g')
    guest.driver.send(frame(9, 3, 100))
    expect(collect(engine, () => two.receive(), 1)).toHaveLength(1)
  })

  it('notices that another socket is at the path of its peer', () => {
    const engine = start({ peer: join(folder, 'one') })
    const one = peer(engine, 'one')
    untilUp(engine)
    unlinkQuietly(join(folder, 'one'))
    const again = peer(engine, 'one')
    const guest = attach(engine, 'g')
    stepUntil(engine, () => {
      guest.driver.send(frame(9, 3, 100))
      engine.step(500)
      return again.receive() !== undefined
    })
    expect(one).toBeDefined()
  })

  it('hears only the peer that was named', () => {
    const engine = start({ peer: join(folder, 'one') })
    peer(engine, 'two').send(broadcast(2))
    settle(engine)
    expect(counter(engine, 0, C_REFUSED)).toBe(1)
    expect(engine.ports[0]?.status().state).toBe('waiting')
    peer(engine, 'one')
    untilUp(engine)
  })

  it('is refused where another socket lives, and leaves it alone', () => {
    const fd = listenUnix(socket)
    expectError(() => start(), 'BUSY', /no free socket/)
    expect(existsSync(socket)).toBe(true)
    closeFd(fd)
    const engine = start()
    expectError(() => newEngine().addPort({ kind: 'dgram', name: 'p', socket }), 'BUSY', /another program/)
    engine.removePort('port')
    expect(existsSync(socket)).toBe(false)
  })
})
