import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seenIdleThreads } from '../../test/support/idle-threads-seen.js'
import { frame } from '../../test/support/switch.js'
import { EmbeddedGuest } from '../embedded/guest.js'
import { RingferryError } from '../errors/errors.js'
import { Switch } from './switch.js'
import type { SwitchEvent, SwitchOptions } from './switch-types.js'

describe('Switch', () => {
  let folder: string
  const running: Switch[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-switch-'))
  })
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(options: SwitchOptions = {}): Promise<Switch> {
    const made = await Switch.start({ memoryBytes: 256 * 2 ** 20, ...options })
    running.push(made)
    return made
  }

  /** Waits for something that another thread does. */
  async function until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look()
      if (found) return found
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  const socket = (name: string): string => join(folder, `${name}.sock`)

  it('Switch.apply changes a port while its guest stays, and refuses a list whole', async () => {
    const made = await start()
    const events: string[] = []
    for (const name of ['a', 'b']) await made.addPort({ kind: 'vif', name, socket: socket(name), vlan: 10 })
    const [a, b] = ['a', 'b'].map((name) => new EmbeddedGuest(socket(name))) as [EmbeddedGuest, EmbeddedGuest]
    try {
      await until(() => made.status().every((port) => port.state === 'up'))
      made.subscribe(({ event, port }) => events.push(`${port.name} ${event}`))
      const inVlan = (name: string, vlan: number) =>
        ({ change: 'set', config: { kind: 'vif', name, socket: socket(name), vlan } }) as const
      await made.apply([inVlan('a', 20), inVlan('b', 20)])
      a.driver.send(frame(2, 1, 300))
      await until(() => b.driver.receive())
      expect(made.fdb()).toMatchObject([{ mac: '02:00:00:00:00:01', vlan: 20, port: 'a' }])
      const list = [inVlan('a', 30), { change: 'remove', name: 'b' }, inVlan('c', 30)] as const
      await expect(made.apply(list)).rejects.toMatchObject({ code: 'NOT_FOUND', message: /^port c: / })
      a.driver.send(frame(2, 1, 300))
      await until(() => b.driver.receive())
      expect(events).toEqual([])
      const after = await made.apply([
        { change: 'remove', name: 'b' },
        { change: 'add', config: { kind: 'vif', name: 'c', socket: socket('b') } },
      ])
      expect(after.map((port) => [port.name, port.state])).toEqual([
        ['a', 'up'],
        ['c', 'waiting'],
      ])
    } finally {
      a.close()
      b.close()
    }
  })

  it('Switch carries frames and counts them while the control thread only reads', async () => {
    const made = await start()
    const events: SwitchEvent[] = []
    made.subscribe((event) => events.push(event))
    for (const name of ['a', 'b']) await made.addPort({ kind: 'vif', name, socket: socket(name) })
    const a = new EmbeddedGuest(socket('a'))
    const b = new EmbeddedGuest(socket('b'))
    try {
      await until(() => made.status().every((port) => port.state === 'up'))
      a.driver.send(frame(2, 1, 300))
      const received = await until(() => b.driver.receive())
      expect(Buffer.compare(received.frame, frame(2, 1, 300))).toBe(0)
      expect(made.counters('a').counts).toMatchObject({ ingress_frames: 1, ingress_bytes: 300 })
      expect(made.counters('b').counts).toMatchObject({ egress_frames: 1, egress_bytes: 300 })
      expect(made.fdb()).toMatchObject([{ mac: '02:00:00:00:00:01', port: 'a' }])
    } finally {
      a.close()
      b.close()
    }
    const gone = await until(() =>
      events.find(({ event, port }) => event === 'detached' && port.name === 'a'),
    )
    expect(gone.detail).toBe('the frontend closed the connection')
    expect(events.filter(({ port }) => port.name === 'a').map(({ event }) => event)).toEqual([
      'attached',
      'link-up',
      'link-down',
      'detached',
    ])
    expect(made.status().find((port) => port.name === 'a')).toMatchObject({ state: 'waiting' })
  })

  it('Switch.addPort rejects with the same RingferryError when the engine refuses', async () => {
    const made = await start()
    const missing = made.addPort({ kind: 'vif', name: 'a', socket: '/nonexistent/folder/a.sock' })
    await expect(missing).rejects.toBeInstanceOf(RingferryError)
    await expect(missing).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: '/nonexistent/folder/a.sock: its folder does not exist; create it first',
    })
    expect(made.status()).toEqual([])
    await expect(made.removePort('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(() => made.counters('a')).toThrow('port a: there is no such port')
  })

  it('Switch.removePort removes the socket and frees the name', async () => {
    const made = await start()
    await made.addPort({ kind: 'vif', name: 'a', socket: socket('a') })
    expect(existsSync(socket('a'))).toBe(true)
    await made.removePort('a')
    expect(readdirSync(folder)).toEqual([])
    expect(await made.addPort({ kind: 'vif', name: 'a', socket: socket('a') })).toMatchObject({
      name: 'a',
      state: 'waiting',
      place: socket('a'),
    })
  })

  it('Switch.tuning tells what was set, decided and published without asking the engine', async () => {
    const made = await start({ policy: { name: 'natural' } })
    expect(made.tuning()).toMatchObject({ policy: { name: 'natural' }, budget: 0.8, dryRun: false, vifs: [] })
    await made.addPort({ kind: 'vif', name: 'a', socket: socket('a'), weight: 2 })
    await made.addPort({ kind: 'vif', name: 'b', socket: socket('b'), publish: 'natural' })
    const changed = await made.tune({ policy: { name: 'fixed', holdUs: 70, maxFrames: 9 }, budget: 0.5 })
    expect(changed).toEqual(made.tuning())
    expect(changed).toMatchObject({ policy: { name: 'fixed', holdUs: 70, maxFrames: 9 }, budget: 0.5 })
    expect(changed.vifs).toMatchObject([
      { name: 'a', targetUs: 500, weight: 2, limits: { holdUs: 70, maxFrames: 9 }, p99: { totalUs: null } },
    ])
    expect(changed.vifs[0]?.why).toContain('hold 70 us')
    await expect(made.tune({ vif: 'b', targetUs: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await made.removePort('a')
    expect(made.tuning().vifs).toEqual([])
  })

  it('Switch.tune takes a share for keeping awake, and leaves no thread for it behind when stopped', async () => {
    const made = await start()
    expect(made.tuning().awake).toMatchObject({ share: 0, state: 'off', burntUs: 0, cpus: [] })
    expect((await made.tune({ awake: 0.25 })).awake.share).toBe(0.25)
    await until(() => seenIdleThreads().length > 0)
    for (const awake of [-0.1, 1.1, Number.NaN])
      await expect(made.tune({ awake, budget: 0.3 })).rejects.toMatchObject({ code: 'USAGE' })
    expect(made.tuning()).toMatchObject({ budget: 0.8, awake: { share: 0.25 } })
    await made.stop()
    await until(() => seenIdleThreads().length === 0)
    await expect(start({ awake: 2 })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('Switch.stop removes all sockets and refuses what comes later', async () => {
    const made = await start()
    for (const name of ['a', 'b']) await made.addPort({ kind: 'vif', name, socket: socket(name) })
    const descriptors = readdirSync('/proc/self/fd').length
    await made.stop()
    await made.stop()
    expect(readdirSync(folder)).toEqual([])
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(descriptors)
    // To start took some; what the thread had used is not forgotten with it.
    expect(made.cpuSeconds()).toBeGreaterThan(0)
    await expect(made.refresh()).rejects.toMatchObject({ message: 'the switch was stopped' })
  })

  it('Switch.start rejects when the engine cannot start', async () => {
    await expect(Switch.start({ memoryBytes: 1 })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(Switch.start({ cpu: 1000 })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('Switch binds the thread of its engine to a processor', async () => {
    const allowed = /^Cpus_allowed_list:\s*(\d+)/m
    const cpu = Number(allowed.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    await start({ cpu })
    const bound = readdirSync('/proc/self/task').filter((task) =>
      new RegExp(`^Cpus_allowed_list:\\s*${cpu}$`, 'm').test(
        readFileSync(`/proc/self/task/${task}/status`, 'utf8'),
      ),
    )
    expect(bound).not.toHaveLength(0)
    expect(bound).not.toContain(String(process.pid))
  })
})
