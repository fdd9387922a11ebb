import { afterEach, describe, expect, it } from 'vitest'
import { BareSwitch, macOf } from '../../test/support/bare-switch.js'
import { RingferryError } from '../errors/errors.js'
import { EPOLLIN, EPOLLOUT } from '../sys/epoll.js'
import { createEventfd } from '../sys/eventfd.js'
import type { TapConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import type { PortHost } from './port.js'

const ALL = [255, 255, 255, 255, 255, 255]
const RETRY_US = 200_000

/** A kind of port whose device is there or not, reads what is in store and writes as many frames as it has room for. */
class ModelPort extends DescriptorPort<TapConfig> {
  isThere = true
  tries = 0
  store = 0
  room = 0

  protected attach(): void {
    this.tries++
    if (!this.isThere) throw new RingferryError('NOT_FOUND', 'there is no device')
    this.attached([createEventfd(), createEventfd()], { takes: 0, sends: 0 })
    this.setLink(true)
  }

  protected readBurst(budget: number): number {
    const frames = Math.min(budget, this.store)
    this.store -= frames
    return frames
  }

  transmit(): number {
    let frames = 0
    for (; this.output.count > 0; frames++) {
      if (this.room-- === 0) {
        this.block(this.fd)
        break
      }
      this.output.pop(1)
    }
    return frames
  }

  hangUp(reason: string, isBreach = false): void {
    this.detach(reason, isBreach)
  }
}

const opened: ModelPort[] = []
afterEach(() => {
  for (const port of opened.splice(0)) port.close()
})

/** A port in row 1 of a switch whose other port sends; what it asks its host for is kept. */
function bench() {
  const bridge = new BareSwitch([{}, {}])
  const told: string[] = []
  const watched = new Map<number, number>()
  const handlers = new Map<number, (events: number) => void>()
  let woken = 0
  const host = {
    memory: bridge.memory,
    plane: bridge.plane,
    watch(fd: number, events: number, onEvents: (events: number) => void) {
      watched.set(fd, events)
      handlers.set(fd, onEvents)
    },
    rewatch: (fd: number, events: number) => watched.set(fd, events),
    unwatch: (fd: number) => watched.delete(fd),
    wake: () => woken++,
    report: (_: unknown, event: string, detail: string) => told.push(`${event} ${detail}`),
  }
  const config = { kind: 'tap', name: 'model', device: 'model0' } as const
  const port = new ModelPort(host as unknown as PortHost, 1, config, 'model0')
  const open = (): void => {
    port.open()
    opened.push(port)
  }
  const happens = (events: number): void => [...handlers.values()][0]?.(events)
  const send = (): void => bridge.send(0, Uint8Array.from([...ALL, ...macOf(1), 8, 6, ...new Array(46)]))
  return { port, open, told, watched, happens, send, woken: () => woken }
}

describe('DescriptorPort', () => {
  it('open leaves nothing behind when the port cannot attach', () => {
    const { port, told } = bench()
    port.isThere = false
    expect(() => port.open()).toThrow('there is no device')
    expect(told).toEqual([])
    expect(port.status()).toMatchObject({ state: 'waiting' })
  })

  it('tick follows what is attached, and tries again at once and then every 200 ms what is not', () => {
    const { port, open, told, watched } = bench()
    open()
    expect(told).toEqual(['attached model0', 'link-up model0'])
    port.tick(0)
    expect([port.tries, watched.size]).toEqual([1, 2])
    port.hangUp('it was pulled')
    expect(told.splice(2)).toEqual(['link-down model0', 'detached it was pulled'])
    expect(port.status()).toMatchObject({ state: 'waiting', reason: 'it was pulled', detachments: 0 })
    expect(watched.size).toBe(0)
    port.isThere = false
    for (const us of [0, 1, RETRY_US - 1, RETRY_US, RETRY_US + 1])
      try {
        port.tick(us)
      } catch (error) {
        port.fail((error as Error).message)
      }
    expect(port.tries).toBe(3)
    expect(told.splice(2)).toEqual(['error there is no device'])
    port.isThere = true
    port.tick(2 * RETRY_US)
    expect(told.splice(2)).toEqual(['attached model0', 'link-up model0'])
    expect(port.status()).toMatchObject({ state: 'up' })
    expect(port.status().reason).toBeUndefined()
  })

  it('detach counts breaches alone, and nothing when there is no other side', () => {
    const { port, open } = bench()
    open()
    port.hangUp('nonsense', true)
    port.hangUp('nonsense again', true)
    expect(port.status()).toMatchObject({ detachments: 1, reason: 'nonsense' })
  })

  it('receive wakes the port again as long as frames come', () => {
    const { port, open, woken, happens } = bench()
    open()
    port.store = 5
    happens(EPOLLIN)
    expect(woken()).toBe(1)
    expect([port.receive(4), port.receive(4), port.receive(4)]).toEqual([4, 1, 0])
    expect(woken()).toBe(3)
  })

  it('hasOutput is false while a descriptor takes nothing more, until it can be written again', () => {
    const { port, open, watched, happens, send } = bench()
    open()
    for (let i = 0; i < 3; i++) send()
    port.room = 2
    expect([port.hasOutput(), port.transmit(), port.hasOutput()]).toEqual([true, 2, false])
    expect([...watched.values()]).toEqual([EPOLLIN | EPOLLOUT, EPOLLIN])
    port.room = 9
    happens(EPOLLOUT)
    expect([port.hasOutput(), port.transmit(), port.hasOutput()]).toEqual([true, 1, false])
    expect([...watched.values()]).toEqual([EPOLLIN, EPOLLIN])
  })

  it('forgets what is queued when the link goes down', () => {
    const { port, open, send } = bench()
    open()
    send()
    expect(port.hasOutput()).toBe(true)
    port.hangUp('it was pulled')
    expect(port.hasOutput()).toBe(false)
    port.tick(0)
    expect(port.hasOutput()).toBe(false)
  })
})
