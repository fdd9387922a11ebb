import { afterEach, describe, expect, it, vi } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import {
  BUSY_AT,
  C_BACKLOGGED,
  G_LOOKED_US,
  G_NOW_US,
  G_RATE_AT_US,
  P_POLLED_US,
} from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import type { Engine } from '../../src/engine/engine.js'
import { asTcp, attach, broadcast, cleanUp, counter, frame, newEngine } from '../support/switch.js'

/** Far from what the real clock says. */
const START_US = 1e12
const NEVER = 1e18

afterEach(() => {
  cleanUp()
  vi.restoreAllMocks()
})

/** Rows of the ports that findBusy() lists when asked at a time of the clock. */
function busyAt(engine: Engine, us: number, isIdle: boolean): number[] {
  const globals = new Globals(engine.memory)
  globals.setF64(G_NOW_US, us)
  const found = engine.plane.findBusy(isIdle ? 1 : 0)
  return Array.from({ length: found }, (_, at) => globals.entry(BUSY_AT, at))
}

/** Guests whose ports are at rest: looked at at START_US. */
function guestsAtRest(engine: Engine, names: readonly string[]) {
  const guests = names.map((name) => attach(engine, name))
  engine.step()
  expect(busyAt(engine, START_US, true)).toEqual([])
  return guests
}

describe('findBusy', () => {
  it('lists a port at rest that has chains when nothing else was moved, and no other', () => {
    const engine = newEngine()
    const [, b] = guestsAtRest(engine, ['a', 'b', 'c'])
    b!.driver.send(broadcast(2))
    expect(busyAt(engine, START_US, true)).toEqual([1])
  })

  it('looks at ports at rest after 0.8 us for each port when others are busy', () => {
    const engine = newEngine()
    const [, b] = guestsAtRest(engine, ['a', 'b', 'c'])
    b!.driver.send(broadcast(2))
    expect(busyAt(engine, START_US + 2.3, false)).toEqual([])
    expect(busyAt(engine, START_US + 2.5, false)).toEqual([1])
    expect(busyAt(engine, START_US + 2.6, false)).toEqual([1])
  })

  it('lists a port until a poll of it finds nothing', () => {
    const engine = newEngine()
    const [a] = guestsAtRest(engine, ['a', 'b'])
    a!.driver.send(broadcast(1))
    expect(busyAt(engine, START_US, true)).toEqual([0])
    expect(engine.plane.poll(0, 64)).toBe(1)
    expect(busyAt(engine, START_US, false)).toEqual([0])
    expect(engine.plane.poll(0, 64)).toBe(0)
    expect(busyAt(engine, START_US, false)).toEqual([])
  })

  it('lists a port at rest when a frame has come into its backlog, until it is out', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b', { ringSize: 2, bufferBytes: 2048 })
    b.driver.send(broadcast(2))
    engine.step()
    a.driver.drainRx(false)
    for (let sent = 0; sent < 3; sent++) a.driver.send(asTcp(frame(2, 1, 80)))
    expect(busyAt(engine, START_US, true)).toEqual([0])
    engine.plane.poll(0, 64)
    expect(counter(engine, 1, C_BACKLOGGED)).toBe(1)
    expect(busyAt(engine, START_US, false)).toEqual([0, 1])
    engine.plane.poll(1, 64)
    expect(busyAt(engine, START_US, false)).toEqual([0, 1])
    expect(b.driver.drainRx(false)).toBe(2)
    engine.plane.poll(1, 64)
    engine.plane.poll(1, 64)
    expect(b.driver.drainRx(false)).toBe(1)
    expect(busyAt(engine, START_US, false)).toEqual([0])
  })

  it('dates the chains of a port at rest from the look before', () => {
    const engine = newEngine()
    const [a, b] = guestsAtRest(engine, ['a', 'b'])
    const polledUs = (row: number): number => new PortRow(engine.memory, row).getF64(P_POLLED_US)
    expect(busyAt(engine, START_US + 100, true)).toEqual([])
    a!.driver.send(broadcast(1))
    expect(busyAt(engine, START_US + 130, true)).toEqual([0])
    expect(polledUs(0)).toBe(START_US + 100)
    engine.plane.poll(0, 64)
    engine.plane.poll(0, 64)
    // Polled since the look before.
    expect(polledUs(0)).toBe(START_US + 130)
    new Globals(engine.memory).setF64(G_LOOKED_US, START_US + 120)
    b!.driver.drainRx(false)
    a!.driver.send(broadcast(1))
    expect(busyAt(engine, START_US + 140, true)).toEqual([0])
    expect(polledUs(0)).toBe(START_US + 130)
  })

  it('lists ports in the upper half of the table, and none that went away', () => {
    const engine = newEngine({ memoryBytes: 512 * 2 ** 20 })
    const memory = 2 * 2 ** 20
    const guests = Array.from({ length: 66 }, (_, row) =>
      attach(engine, `g${row}`, { ringSize: 4, bufferBytes: 2048, txSlotBytes: 2048, memory }),
    )
    engine.step()
    guests[65]!.driver.send(broadcast(2))
    guests[3]!.driver.send(broadcast(1))
    expect(busyAt(engine, START_US, true)).toEqual([3, 65])
    engine.removePort('g65')
    expect(busyAt(engine, START_US, false)).toEqual([3])
  })
})

describe('an engine with ports at rest', () => {
  it('knows before it pauses when a frame may go that a rate limit holds back in a ring', () => {
    const engine = newEngine({ schedule: false })
    const limited = attach(engine, 'a', {}, { fromVm: { framesPerSecond: 10 } })
    const other = attach(engine, 'b')
    // Not before: what guests ask for as they start is served by a share of the time.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(START_US / 1000)
    const globals = new Globals(engine.memory)
    for (let sent = 0; sent < 3; sent++) limited.driver.send(broadcast(1))
    engine.step()
    // The clock stands still: ports at rest are not looked at while the other one is busy.
    for (let steps = 0; steps < 3; steps++) {
      other.driver.send(broadcast(2))
      engine.step()
      expect(globals.getF64(G_RATE_AT_US)).toBeLessThan(NEVER)
    }
    clock.mockReturnValue(globals.getF64(G_RATE_AT_US) / 1000)
    other.driver.drainRx(false)
    engine.step()
    expect(other.driver.drainRx(false)).toBe(1)
  })
})
