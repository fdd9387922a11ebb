/** Guests whose connections a service manager keeps while their switch is killed and started again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GuestMemory } from '../../src/driver/guest-memory.js'
import { NetDriver } from '../../src/driver/net-driver.js'
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { signalEventfd } from '../../src/sys/eventfd.js'
import { PROTOCOL_F, REQUEST } from '../../src/vhost-user/requests.js'
import {
  VIRTIO_F,
  VIRTIO_NET_CTRL,
  VIRTIO_NET_CTRL_VLAN,
  VIRTIO_NET_F,
  VIRTIO_NET_OK,
} from '../../src/virtio/virtio.js'
import { MAIN } from '../host/cli-process.js'
import { KeptService } from '../support/kept-service.js'

const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const PROTOCOL = PROTOCOL_F.REPLY_ACK | PROTOCOL_F.MQ
const FRAME_BYTES = 100
/** Chains that a switch takes before it publishes. */
const BURST = 64

/** A guest that never connects a second time. */
class Guest {
  readonly memory = new GuestMemory(1 << 22)
  readonly driver: NetDriver
  readonly frontend: VhostUserFrontend
  readonly received: number[] = []
  readonly #number: number
  #sent = 0
  #isClosed = false

  constructor(path: string, number: number, more = 0n) {
    this.#number = number
    this.frontend = new VhostUserFrontend(path, { tries: 20_000 })
    const wanted = FEATURES | more | VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES
    const features = this.frontend.negotiate(wanted, PROTOCOL)
    this.driver = new NetDriver(this.memory, { features })
    this.driver.fillRx(2048)
    const events = this.frontend.start(this.memory, this.driver.rings)
    this.driver.kick = (ring) => signalEventfd(events[ring]?.kickFd as number)
    this.driver.publish(0)
  }

  /** Sends a frame with the next number to a neighbour; false: the ring is full. @param vlan 0: none */
  send(to: number, vlan = 0): boolean {
    const frame = new Uint8Array(FRAME_BYTES)
    const tag = vlan === 0 ? [] : [0x81, 0, vlan >> 8, vlan & 0xff]
    frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, this.#number, ...tag, 0x88, 0xb5])
    new DataView(frame.buffer).setUint32(14 + tag.length, this.#sent)
    if (!this.driver.send(frame)) return false
    this.#sent++
    return true
  }

  get sent(): number {
    return this.#sent
  }

  receive(): void {
    for (let each = this.driver.receive(); each; each = this.driver.receive()) {
      const at = each.frame[12] === 0x81 ? 16 : 12
      if (each.frame.length === FRAME_BYTES && each.frame[at] === 0x88)
        this.received.push(new DataView(each.frame.buffer, each.frame.byteOffset).getUint32(at + 2))
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.frontend.close()
    this.memory.close()
  }
}

describe('guests of a switch that a service manager starts again', () => {
  let service: KeptService
  let a: Guest
  let b: Guest

  beforeEach(async () => {
    service = new KeptService()
    await service.start(['a', 'b'])
    a = new Guest(service.path('a'), 1)
    b = new Guest(service.path('b'), 2)
  })
  afterEach(async () => {
    a.close()
    b.close()
    await service.close()
  })

  /** Sends frames until `count` more have come; the ring's worth at once. */
  async function exchange(count: number): Promise<void> {
    const want = b.received.length + count
    await service.until(`${count} frames`, () => {
      for (let at = 0; at < 16 && a.send(2); at++);
      b.receive()
      return b.received.length >= want
    })
  }

  it('go on when it is killed between frames', async () => {
    await exchange(100)
    await service.hasKept(2)
    await service.end('SIGKILL')
    await service.start(['a', 'b'])
    await service.hasTakenUp(2)
    await exchange(100)
  })

  it('go on when it is killed under frames, and get none that nobody sent, nor more than a burst of each kill twice', async () => {
    await service.hasKept(2)
    for (let kills = 0; kills < 3; kills++) {
      await exchange(1000)
      const ended = service.end('SIGKILL')
      for (let at = 0; at < 16 && a.send(2); at++);
      await ended
      await service.start(['a', 'b'])
      await service.hasTakenUp(2)
    }
    await exchange(1000)
    expect(b.received.every((number) => number < a.sent)).toBe(true)
    expect(b.received.length - new Set(b.received).size).toBeLessThanOrEqual(3 * BURST)
  })

  it('go on when it is restarted in order, and are let go when the manager stops it for good', async () => {
    await service.hasKept(2)
    await service.end('SIGTERM')
    await service.start(['a', 'b'])
    await service.hasTakenUp(2)
    await exchange(100)
    await service.end('SIGTERM')
    service.manager.empty()
    expect(() => a.frontend.getFeatures()).toThrow(/hung up|does not take/)
  })

  it('are asked for nothing when they speak while it is away', async () => {
    await service.hasKept(2)
    await service.end('SIGKILL')
    a.frontend.sendMessage(REQUEST.GET_FEATURES, 0, new Uint8Array(0))
    await service.start(['a', 'b'])
    expect(a.frontend.channel.reply(REQUEST.GET_FEATURES).payload).toHaveLength(8)
    await exchange(100)
  })

  it('are hung up on when their port is gone, is another, or tells something else', async () => {
    await service.hasKept(2)
    await service.end('SIGKILL')
    await service.start(['b,mtu=1400', 'c'])
    await service.until('the store is empty', () => service.manager.stored().length === 0)
    expect(() => a.frontend.getFeatures()).toThrow(/hung up|does not take/)
    expect(() => b.frontend.getFeatures()).toThrow(/hung up|does not take/)
    await service.until('a is told of', () =>
      service.printed.includes('the guest of a port that is no more was let go'),
    )
    await service.until('b is told of', () =>
      service.printed.includes('is let go: its port, or what it was told of it, has changed'),
    )
    b.close()
    b = new Guest(service.path('b'), 2)
    await service.hasKept(1)
  })

  it('are sent what their driver asked for by its control queue', async () => {
    b.close()
    await service.end('SIGKILL')
    const ports = ['a', 'b,control=true']
    await service.start(ports)
    b = new Guest(service.path('b'), 2, VIRTIO_NET_F.CTRL_VQ | VIRTIO_NET_F.CTRL_VLAN | VIRTIO_NET_F.CTRL_RX)
    const command = async (...[kind, number, ...data]: [number, number, ...number[]]): Promise<void> => {
      b.driver.sendControl(kind, number, Uint8Array.from(data))
      await service.until('the command is answered', () => b.driver.takeControlAck() === VIRTIO_NET_OK)
    }
    await command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.ADD, 5, 0)
    await command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.ADD, 6, 0)
    await command(VIRTIO_NET_CTRL.VLAN, VIRTIO_NET_CTRL_VLAN.DEL, 6, 0)
    for (let kills = 0; kills < 2; kills++) {
      const first = a.sent
      for (const vlan of [6, 5, 7, 5]) a.send(2, vlan)
      await service.until('frames of its VLAN', () => {
        b.receive()
        a.driver.reapTx()
        // The switch has given all back: what it had not when it is killed would be sent a second time.
        return b.received.includes(first + 3) && a.driver.inFlightTx() === 0
      })
      expect(b.received.splice(0)).toEqual([first + 1, first + 3])
      await service.hasKept(2)
      await service.end('SIGKILL')
      await service.start(ports)
      await service.hasTakenUp(2)
    }
  })

  it('are hung up on, and kept no longer, when their port is removed', async () => {
    await service.hasKept(2)
    const removal = spawn(process.execPath, [MAIN, 'port', 'del', 'b'], { env: service.environment })
    expect(await once(removal, 'exit')).toEqual([0, null])
    const left = () => service.manager.stored().filter(({ name }) => name.endsWith('-b'))
    await service.until('b is kept no longer', () => left().length === 0)
    expect(() => b.frontend.getFeatures()).toThrow(/hung up|does not take/)
    await service.hasKept(1)
  })

  it('leave nothing in the store when they go, also while it is away', async () => {
    await service.hasKept(2)
    b.close()
    await service.hasKept(1)
    await service.end('SIGKILL')
    a.close()
    expect(service.manager.stored().map(({ name }) => name)).not.toContain('ringferry-socket-a')
    await service.start(['a', 'b'])
    await service.until('a is told of', () => service.printed.includes('is let go: it has gone'))
    await service.until('the store is empty', () => service.manager.stored().length === 0)
    a = new Guest(service.path('a'), 1)
    b = new Guest(service.path('b'), 2)
    await exchange(100)
  })
})
