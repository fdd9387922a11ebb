/** Guests whose connections a service manager keeps while their switch is killed and started again. */
import { afterEach, beforeEach, describe, it } from 'vitest'
import { GuestMemory } from '../../src/driver/guest-memory.js'
import { NetDriver } from '../../src/driver/net-driver.js'
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { signalEventfd } from '../../src/sys/eventfd.js'
import { PROTOCOL_F } from '../../src/vhost-user/requests.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { KeptService } from '../support/kept-service.js'

const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const PROTOCOL = PROTOCOL_F.REPLY_ACK | PROTOCOL_F.MQ
const FRAME_BYTES = 100

/** A guest that never connects a second time. */
class Guest {
  readonly memory = new GuestMemory(1 << 22)
  readonly driver: NetDriver
  readonly frontend: VhostUserFrontend
  readonly received: number[] = []
  readonly #number: number
  #sent = 0

  constructor(path: string, number: number) {
    this.#number = number
    this.frontend = new VhostUserFrontend(path, { tries: 20_000 })
    const features = this.frontend.negotiate(FEATURES | VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES, PROTOCOL)
    this.driver = new NetDriver(this.memory, { features })
    this.driver.fillRx(2048)
    const events = this.frontend.start(this.memory, this.driver.rings)
    this.driver.kick = (ring) => signalEventfd(events[ring]?.kickFd as number)
    this.driver.publish(0)
  }

  /** Sends a frame with the next number to a neighbour; false: the ring is full. */
  send(to: number): boolean {
    const frame = new Uint8Array(FRAME_BYTES)
    frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, this.#number, 0x88, 0xb5])
    new DataView(frame.buffer).setUint32(14, this.#sent)
    if (!this.driver.send(frame)) return false
    this.#sent++
    return true
  }

  get sent(): number {
    return this.#sent
  }

  receive(): void {
    for (let each = this.driver.receive(); each; each = this.driver.receive())
      if (each.frame.length === FRAME_BYTES && each.frame[12] === 0x88)
        this.received.push(new DataView(each.frame.buffer, each.frame.byteOffset).getUint32(14))
  }

  close(): void {
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
})
