import { afterEach, expect, it } from 'vitest'
import {
  C_BACKLOGGED,
  C_EGRESS_FRAMES,
  DROP_DETACHED,
  DROP_NO_LINK,
  DROP_RING_FULL,
} from '../../src/core/layout.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import { VIRTIO_NET_CTRL, VIRTIO_NET_F, VIRTIO_NET_OK } from '../../src/virtio/virtio.js'
import { PLAIN, type StartOptions, start, stopGuests } from '../model/guest.js'
import { partialPacket } from '../model/packets.js'
import { attach, cleanUp, counter, dropped, frame, newEngine, ringPort } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const MQ = PLAIN | VIRTIO_NET_F.MQ
const MQ_CONTROL = MQ | VIRTIO_NET_F.CTRL_VQ
const FLOWS = 64

/** Two guests, the second one with several queue pairs; flows toward it, and how many of its frames came on each. */
function flows(options: StartOptions, pairs = 2) {
  const engine = newEngine()
  const a = start(engine, 'a', { features: PLAIN })
  const b = start(engine, 'b', { queuePairs: pairs, port: { queues: pairs }, ...options })
  const send = (tcp = false): void => {
    for (let i = 0; i < FLOWS; i++) {
      const packet = partialPacket({ payload: Uint8Array.of(i), to: 9 })
      if (!tcp) packet[23] = 17
      packet[34] = i
      a.driver.send(packet)
      engine.step()
    }
  }
  const received = (): number[] =>
    Array.from({ length: pairs }, (_, queue) => {
      let count = 0
      while (b.driver.receive(queue)) count++
      engine.step()
      return count
    })
  const set = (wanted: number): number | undefined => {
    b.driver.sendControl(VIRTIO_NET_CTRL.MQ, 0, Uint8Array.of(wanted, 0))
    engine.step()
    return b.driver.takeControlAck()
  }
  return { engine, a, b, send, received, set }
}

it('5.1.6.5.5 only the first queue pair is used until the driver asks for more', () => {
  const { a, engine, send, received, set } = flows({ features: MQ_CONTROL, ringSize: 128 }, 4)
  send()
  expect(received()).toEqual([FLOWS, 0, 0, 0])
  expect(set(4)).toBe(VIRTIO_NET_OK)
  send()
  expect(received().every((count) => count > 0)).toBe(true)
  expect(set(1)).toBe(VIRTIO_NET_OK)
  send()
  expect(received()).toEqual([FLOWS, 0, 0, 0])
  expect(counter(engine, 0, C_EGRESS_FRAMES)).toBe(0)
  expect(a.driver.receive()).toBeUndefined()
})

it('5.1.6.5.5 a new driver starts with one queue pair again', () => {
  const { b, engine, send, received, set } = flows({ features: MQ_CONTROL, ringSize: 128 })
  expect(set(2)).toBe(VIRTIO_NET_OK)
  b.frontend.setFeatures(b.frontend.features)
  b.frontend.setVringEnable(0, true)
  engine.step()
  send()
  expect(received()).toEqual([FLOWS, 0])
})

it('5.1.6.5.5 what is held on a pair is published before the driver hears that it is out of use', () => {
  const { b, engine, send, received, set } = flows({ features: MQ_CONTROL, ringSize: 128 })
  expect(set(2)).toBe(VIRTIO_NET_OK)
  const limits = { holdUs: 1e9, gapUs: 1e9, maxFrames: 1024, maxBytes: 1e6, urgentPublish: false }
  ringPort(engine, 1).setHoldLimits(limits)
  send()
  expect([0, 1].map((queue) => b.driver.rx(queue).hasUsed())).toEqual([false, false])
  expect(set(1)).toBe(VIRTIO_NET_OK)
  const [first, second] = received() as [number, number]
  expect(first + second).toBe(FLOWS)
  expect(second).toBeGreaterThan(0)
})

it('what a guest has queued on a transmit ring is sent when its driver gives up the pair', () => {
  const { a, b, engine, set } = flows({ features: MQ_CONTROL })
  expect(set(2)).toBe(VIRTIO_NET_OK)
  expect(set(1)).toBe(VIRTIO_NET_OK)
  b.driver.send(frame(1, 2, 60), {}, 1)
  engine.step()
  expect(a.driver.receive()?.frame.length).toBe(60)
  expect(b.driver.reapTx(1)).toBe(1)
})

it('a frontend that serves the control queue itself enables the pairs that its driver asks for', () => {
  // QEMU passes MQ alone; Cloud Hypervisor passes CTRL_VQ, too, and starts no control ring.
  for (const features of [MQ, MQ_CONTROL]) {
    const { b, engine, send, received } = flows({ features, ringSize: 128 })
    if (features === MQ_CONTROL) {
      b.frontend.setFeatures(b.frontend.features)
      b.frontend.resetDevice()
      b.frontend.setFeatures(b.frontend.features)
      for (const ring of [0, 1, 2, 3]) b.frontend.startRing(ring, b.driver.rings[ring]!)
    }
    engine.step()
    send()
    expect(received().every((count) => count > 0)).toBe(true)
    for (const ring of [2, 3]) b.frontend.setVringEnable(ring, false)
    engine.step()
    send()
    expect(received()).toEqual([FLOWS, 0])
    stopGuests()
    cleanUp()
  }
})

/** A guest whose second receive queue has no buffers. */
function withEmptyQueue() {
  const set = flows({ features: MQ, ringSize: 128, bufferBytes: 0 })
  set.b.driver.fillRx(2048, 0)
  set.engine.step()
  return set
}

it('a receive queue without buffers stops no other queue of its port', () => {
  const { engine, send, received } = withEmptyQueue()
  for (const tcp of [false, true, false]) {
    send(tcp)
    const [first, second] = received() as [number, number]
    expect(first).toBeGreaterThan(FLOWS / 4)
    expect(second).toBe(0)
  }
  const waiting = counter(engine, 1, C_BACKLOGGED)
  expect(waiting).toBeGreaterThan(0)
  expect(waiting + dropped(engine, 1, DROP_RING_FULL) + counter(engine, 1, C_EGRESS_FRAMES)).toBe(3 * FLOWS)
})

it('what waits for a receive queue comes when it gets buffers', () => {
  const { b, engine, send, received } = withEmptyQueue()
  send(true)
  const [first] = received() as [number, number]
  b.driver.fillRx(2048, 1)
  engine.step()
  expect(received()).toEqual([0, FLOWS - first])
})

it('what waits for a receive queue that goes out of use comes on those that stay', () => {
  const ways: ((set: ReturnType<typeof flows>) => void)[] = [
    ({ b }) => b.frontend.setVringEnable(2, false),
    ({ b }) => b.frontend.getVringBase(2),
  ]
  for (const leave of ways) {
    const all = withEmptyQueue()
    all.send(true)
    const [first] = all.received() as [number, number]
    leave(all)
    all.engine.step()
    expect(all.received()).toEqual([FLOWS - first, 0])
    stopGuests()
    cleanUp()
  }
})

it('what waits for receive queues is counted as dropped when the device is reset', () => {
  const { b, engine, send, received } = withEmptyQueue()
  send(true)
  const [first] = received() as [number, number]
  b.frontend.resetDevice()
  engine.step()
  expect(dropped(engine, 1, DROP_DETACHED)).toBe(FLOWS - first)
})

it('what a guest transmits on a disabled ring is taken and dropped, and the ring serves again when enabled', () => {
  const engine = newEngine()
  const a = attach(engine, 'a', { queuePairs: 2, features: LINUX_FEATURES | VIRTIO_NET_F.MQ }, { queues: 2 })
  const b = attach(engine, 'b')
  for (const ring of [2, 3]) a.frontend.setVringEnable(ring, false)
  engine.step()
  a.driver.send(frame(2, 1, 60), {}, 1)
  engine.step()
  expect(a.driver.reapTx(1)).toBe(1)
  expect(dropped(engine, 0, DROP_NO_LINK)).toBe(1)
  expect(b.driver.receive()).toBeUndefined()
  for (const ring of [2, 3]) a.frontend.setVringEnable(ring, true)
  a.driver.send(frame(2, 1, 61), {}, 1)
  engine.step()
  expect(b.driver.receive()?.frame.length).toBe(61)
})
