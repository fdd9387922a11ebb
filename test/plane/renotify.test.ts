import { afterEach, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { C_CALLS, C_RENOTIFICATIONS, G_RENOTIFY_US } from '../../src/core/layout.js'
import { attach, cleanUp, counter, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

/** Two guests; the second one, port 1, got a frame: with a call when it has asked for one. */
function called(asks = true) {
  const engine = newEngine()
  const globals = new Globals(engine.memory)
  const a = attach(engine, 'a')
  const b = attach(engine, 'b')
  b.driver.send(frame(1, 2, 60))
  engine.step()
  if (asks) b.driver.rx().armCalls()
  else b.driver.rx().disarmCalls()
  a.driver.send(frame(2, 1, 64))
  engine.step()
  const calls = counter(engine, 1, C_CALLS)
  const idle = (us: number): number => {
    globals.nowUs += us
    globals.setF64(G_RENOTIFY_US, Number.POSITIVE_INFINITY)
    engine.plane.renotifyPort(1)
    return globals.getF64(G_RENOTIFY_US)
  }
  return { engine, b, calls, idle, renotifications: () => counter(engine, 1, C_RENOTIFICATIONS) }
}

it('a guest that does nothing about a call is called again, ever more rarely, and counted', () => {
  const { engine, calls, idle, renotifications } = called()
  // A step that was interrupted may have taken longer than the first repetition waits.
  const left = idle(10)
  const before = renotifications()
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(64_000)
  expect(idle(left)).toBeGreaterThan(left)
  expect(renotifications()).toBe(before + 1)
  for (let at = 0; at < 20; at++) idle(1000)
  expect(renotifications()).toBeGreaterThan(before + 2)
  expect(renotifications()).toBeLessThan(before + 10)
  // What the guest asked for is counted apart.
  expect(counter(engine, 1, C_CALLS)).toBe(calls)
})

it('a guest that has looked at its ring and asked again is left alone', () => {
  const { b, idle, renotifications } = called()
  expect(b.driver.receive()?.frame.length).toBe(64)
  b.driver.rx().armCalls()
  const before = renotifications()
  expect(idle(1_000_000)).toBeGreaterThan(1e9)
  expect(renotifications()).toBe(before)
})

it('a guest that nobody has called is left alone', () => {
  const engine = newEngine()
  attach(engine, 'a')
  new Globals(engine.memory).nowUs += 1e6
  engine.plane.renotifyPort(0)
  expect(counter(engine, 0, C_RENOTIFICATIONS)).toBe(0)
})

it('a guest that asked for no call and got none is left alone, although it has not looked', () => {
  const { calls, idle, renotifications } = called(false)
  expect(calls).toBe(0)
  idle(1e6)
  expect(renotifications()).toBe(0)
})

it('a guest whose ring stays full is called again by the frames that are dropped', () => {
  const engine = newEngine()
  const a = attach(engine, 'a')
  const b = attach(engine, 'b', { ringSize: 4 })
  b.driver.send(frame(1, 2, 60))
  engine.step()
  b.driver.rx().armCalls()
  const burst = () => {
    for (let at = 0; at < 8; at++) a.driver.enqueue(frame(2, 1, 64))
    a.driver.publish(1)
    engine.plane.poll(0, 64)
  }
  burst()
  const before = counter(engine, 1, C_RENOTIFICATIONS)
  new Globals(engine.memory).nowUs += 70_000
  burst()
  expect(counter(engine, 1, C_RENOTIFICATIONS)).toBe(before + 1)
})
