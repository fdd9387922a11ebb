import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asTcp, frame } from '../../test/support/switch.js'
import { EmbeddedGuest } from '../embedded/guest.js'
import { Switch } from './switch.js'

/** Buffers that a guest posts. */
const RING_SIZE = 256

let folder: string
let running: Switch
let guests: readonly [EmbeddedGuest, EmbeddedGuest]

async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 2))
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-drain-'))
  // Nothing is published before a second has gone, unless it is drained.
  running = await Switch.start({
    memoryBytes: 256 * 2 ** 20,
    policy: { name: 'fixed', holdUs: 1e9, maxFrames: 1000 },
  })
  for (const name of ['a', 'b'])
    await running.addPort({ kind: 'vif', name, socket: join(folder, `${name}.sock`) })
  guests = [new EmbeddedGuest(join(folder, 'a.sock')), new EmbeddedGuest(join(folder, 'b.sock'))]
  await until(() => running.status().every(({ state }) => state === 'up'))
})
afterEach(async () => {
  for (const guest of guests) guest.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

const ingress = (name: string): number => running.counters(name).counts.ingress_frames

describe('Switch.drain', () => {
  it('drain publishes what is held, takes no frame until resume(), and loses none', async () => {
    const [a, b] = guests
    // Addresses are learned: no floods.
    b.driver.send(frame(1, 2, 60))
    await until(() => ingress('b') === 1)
    a.driver.send(frame(2, 1, 60))
    await until(() => ingress('a') === 1)
    expect(b.driver.receive()).toBeUndefined()
    expect(await running.drain()).toEqual(new Map())
    expect(running.isDrained).toBe(true)
    expect(b.driver.receive()).toBeDefined()
    a.driver.send(frame(2, 1, 61))
    await running.drain()
    await running.refresh()
    expect(ingress('a')).toBe(1)
    await running.resume()
    await until(() => ingress('a') === 2)
    await running.drain()
    expect(b.driver.receive()).toBeDefined()
    expect(running.counters('b').drops).toEqual(running.counters('a').drops)
  })

  it('drain tells for whom frames wait when a guest posts no buffers, and delivers them when it does', async () => {
    const [a, b] = guests
    b.driver.send(frame(1, 2, 60))
    await until(() => ingress('b') === 1)
    await running.drain()
    await running.resume()
    // Datagrams would not wait.
    const segment = asTcp(frame(2, 1, 60))
    const sent = RING_SIZE + 5
    for (let count = 0; count < sent; )
      if (a.driver.send(segment)) count++
      else await until(() => a.driver.reapTx() > 0)
    await until(() => ingress('a') === sent)
    expect(await running.drain(0)).toEqual(new Map([['b', 5]]))
    let got = 0
    const reader = setInterval(() => {
      while (b.driver.receive()) got++
    }, 1)
    expect(await running.drain(60_000)).toEqual(new Map())
    await until(() => got === sent)
    clearInterval(reader)
  })
})
