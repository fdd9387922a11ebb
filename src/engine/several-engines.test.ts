import { afterEach, describe, expect, it } from 'vitest'
import { attach, broadcast, cleanUp, counter, frame, newEngine, tuningOf } from '../../test/support/switch.js'
import { C_EGRESS_FRAMES, C_INGRESS_FRAMES } from '../core/layout.js'
import type { EmbeddedGuest } from '../embedded/guest.js'
import type { Engine } from './engine.js'

afterEach(cleanUp)

const ROUNDS = 200
const FRAMES = 8

interface Pair {
  readonly engine: Engine
  readonly a: EmbeddedGuest
  readonly b: EmbeddedGuest
  /** Marks the frames of this pair. */
  readonly mark: number
}

/** Two guests with the same names, rows and addresses on every engine. */
function pair(mark: number): Pair {
  const engine = newEngine({ memoryBytes: 64 * 2 ** 20 })
  const [a, b] = [attach(engine, 'a'), attach(engine, 'b')]
  b.driver.send(broadcast(2))
  engine.step()
  a.driver.receive()
  return { engine, a, b, mark }
}

const numbered = ({ mark }: Pair, number: number): Uint8Array =>
  frame(2, 1, 64 + (number % 1000), mark + number)

/** Sends the frames of a round, and does not step. */
function send(each: Pair, round: number): void {
  for (let at = 0; at < FRAMES; at++) each.a.driver.enqueue(numbered(each, round * FRAMES + at))
  each.a.driver.publish(1)
}

/** The frames of a round have come, byte by byte and in order, and nothing else. */
function expectRound(each: Pair, round: number): void {
  for (let at = 0; at < FRAMES; at++)
    expect(
      Buffer.compare(
        each.b.driver.receive()?.frame ?? new Uint8Array(0),
        numbered(each, round * FRAMES + at),
      ),
    ).toBe(0)
  expect(each.b.driver.receive()).toBeUndefined()
  each.a.driver.reapTx()
}

describe('two engines in one process', () => {
  it('carry the frames of their own ports alone when they step in turn', () => {
    const pairs = [pair(7), pair(101)]
    for (let round = 0; round < ROUNDS; round++) {
      for (const each of pairs) send(each, round)
      for (const { engine } of pairs) engine.step()
      for (const each of pairs) expectRound(each, round)
    }
    for (const { engine } of pairs) {
      expect(counter(engine, 0, C_INGRESS_FRAMES)).toBe(ROUNDS * FRAMES)
      expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(ROUNDS * FRAMES)
    }
  })

  it('know nothing of the other: its address, its tuning, its turns', () => {
    const [one, two] = [pair(7), pair(101)] as const
    const before = { turns: two.engine.turns, frames: counter(two.engine, 0, C_INGRESS_FRAMES) }
    // A round fills a batch, so that none of it waits for the clock.
    one.engine.tune({ policy: { name: 'fixed', holdUs: 70, maxFrames: FRAMES }, vif: 'a', targetUs: 200 })
    send(one, 0)
    one.engine.step()
    expectRound(one, 0)
    expect({ turns: two.engine.turns, frames: counter(two.engine, 0, C_INGRESS_FRAMES) }).toEqual(before)
    expect(tuningOf(two.engine).policy).toEqual({ name: 'natural' })
    expect(tuningOf(two.engine).vifs[0]).toMatchObject({ name: 'a', targetUs: 500 })
    // An address of the first engine alone: the second floods it, to its own guests.
    one.a.driver.send(broadcast(9))
    one.engine.step()
    two.a.driver.send(frame(9, 1, 60))
    two.engine.step()
    expect(two.b.driver.receive()?.frame).toEqual(frame(9, 1, 60))
  })

  it('go on when the other ends', () => {
    const [one, two] = [pair(7), pair(101)] as const
    one.a.close()
    one.b.close()
    for (const { name } of [...one.engine.ports]) one.engine.removePort(name)
    for (let round = 0; round < 10; round++) {
      one.engine.step()
      send(two, round)
      two.engine.step()
      expectRound(two, round)
    }
  })
})
