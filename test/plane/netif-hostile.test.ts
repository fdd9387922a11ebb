import { afterEach, describe, expect, it } from 'vitest'
import type { Netfront } from '../../src/driver/xen/netfront.js'
import { EXTRA, NETTXF, RING, XEN_NETIF_EXTRA_FLAG_MORE, XEN_NETIF_EXTRA_TYPE } from '../../src/xen/netif.js'
import { attachNetfront, connectNetfront, xenOf } from '../support/netfront.js'
import { attach, broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

type Queue = Netfront['queues'][0]

/** A request for the page of slot 0. */
function request(queue: Queue, flags: number, size: number, offset = 0): void {
  queue.tx.request({ reference: queue.tx.reference(0), offset, flags, id: 0, size })
}

function extra(queue: Queue, type: number, flags: number, size = 0, gsoType = 0): void {
  queue.tx.extra(type, flags, (data, entry) => {
    data.setUint16(entry + EXTRA.GSO_SIZE, size, true)
    data.setUint8(entry + EXTRA.GSO_TYPE, gsoType)
  })
}

const { GSO, HASH } = XEN_NETIF_EXTRA_TYPE

const BREACHES: readonly (readonly [what: string, reason: RegExp, act: (queue: Queue) => void])[] = [
  [
    'claims more requests than the transmit ring holds',
    /^tx ring 0: .*ahead/,
    ({ tx }) => {
      tx.ring.produced += 257
    },
  ],
  [
    'takes requests back',
    /^tx ring 0: .*ahead/,
    ({ tx }) => {
      tx.ring.produced -= 1
    },
  ],
  [
    'claims more requests than the receive ring holds',
    /^rx ring 0: .*ahead/,
    ({ rx, tx }) => {
      rx.ring.data.setUint32(RING.REQ_PROD, rx.ring.produced + 300, true)
      // Something that comes back makes the switch look.
      tx.enqueue(broadcast(1))
    },
  ],
  ['ends a packet before its slots', /ends before/, (queue) => request(queue, NETTXF.more_data, 200)],
  [
    'ends a packet before its extra information',
    /ends before/,
    (queue) => request(queue, NETTXF.extra_info, 200),
  ],
  [
    'gives extra information of no type',
    /extra information/,
    (queue) => {
      request(queue, NETTXF.extra_info, 200)
      extra(queue, 0, 0)
    },
  ],
  [
    'gives extra information of an unknown type',
    /extra information/,
    (queue) => {
      request(queue, NETTXF.extra_info, 200)
      extra(queue, 6, 0)
    },
  ],
  [
    'gives extra information for ever',
    /extra information/,
    (queue) => {
      request(queue, NETTXF.extra_info, 200)
      for (let count = 0; count < 100; count++) extra(queue, HASH, XEN_NETIF_EXTRA_FLAG_MORE)
    },
  ],
  [
    'gives segments without a size',
    /segments/,
    (queue) => {
      request(queue, NETTXF.extra_info, 200)
      extra(queue, GSO, 0, 0, 1)
    },
  ],
  [
    'gives segments of an unknown kind',
    /segments/,
    (queue) => {
      request(queue, NETTXF.extra_info, 200)
      extra(queue, GSO, 0, 100, 3)
    },
  ],
  [
    'chains more slots than any packet has',
    /more than 20 slots/,
    (queue) => {
      for (let count = 0; count < 30; count++) request(queue, NETTXF.more_data, count === 0 ? 3000 : 10)
      request(queue, 0, 10)
    },
  ],
  [
    'gives slots of more bytes than the packet',
    /more than it says/,
    (queue) => {
      request(queue, NETTXF.more_data, 100)
      request(queue, 0, 101)
    },
  ],
  ['gives a first slot beyond its page', /beyond its page/, (queue) => request(queue, 0, 100, 4000)],
  ['gives a packet of one slot longer than a page', /beyond its page/, (queue) => request(queue, 0, 65535)],
  [
    'gives another slot beyond its page',
    /beyond its page/,
    (queue) => {
      request(queue, NETTXF.more_data, 3000)
      request(queue, 0, 2000, 2097)
    },
  ],
]

describe('a frontend that breaks the rules of its netif rings', () => {
  it.each(BREACHES)('is disconnected alone, with the reason, when it %s', (_, reason, act) => {
    const engine = newEngine()
    const { front, port } = attachNetfront(engine, 'xen')
    const [one, two] = [attach(engine, 'one'), attach(engine, 'two')]
    let told = ''
    port.onBreach = (why) => {
      told = why
    }
    act(front.queues[0] as Queue)
    front.push()
    one.driver.send(broadcast(3))
    for (let turn = 0; turn < 3; turn++) engine.step()
    expect(port.status()).toMatchObject({ state: 'waiting', detachments: 1 })
    expect(port.status().reason).toMatch(reason)
    expect(told).toBe(port.status().reason)
    expect(xenOf(engine).grants.mapped).toBe(0)
    const frames: (Uint8Array | undefined)[] = []
    for (let got = two.driver.receive(); got; got = two.driver.receive()) frames.push(got.frame)
    expect(frames).toContainEqual(broadcast(3))
    const next = connectNetfront(engine, port)
    next.send(broadcast(1))
    one.driver.send(frame(1, 3, 100))
    for (let turn = 0; turn < 3; turn++) engine.step()
    expect(port.status().state).toBe('up')
    expect(next.receive()?.frame).toEqual(frame(1, 3, 100))
  })

  it('cannot be connected when its rings are full of nonsense or not granted', () => {
    const engine = newEngine()
    const { front, port } = attachNetfront(engine, 'xen')
    port.disconnect('anew')
    const free = engine.memory.freeBytes
    front.queues[0]?.rx.ring.data.setUint32(RING.REQ_PROD, 1000, true)
    expect(() => port.connect(front.published)).toThrow(/rx ring 0 has more requests than entries/)
    front.domain.revoke(front.published.queues[0]?.txRingRef as number)
    expect(() => port.connect(front.published)).toThrow(/does not grant its rings/)
    expect(engine.memory.freeBytes).toBe(free)
    expect(xenOf(engine).grants.mapped).toBe(0)
    expect(port.status().state).toBe('waiting')
  })
})
