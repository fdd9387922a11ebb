import { afterEach, describe, expect, it } from 'vitest'
import {
  C_CALLS,
  C_GRANT_COPIES,
  C_GRANT_LISTS,
  C_PUBLISHES,
  DROP_BAD_CHAIN,
  DROP_DETACHED,
  DROP_FILTERED,
  DROP_GRANT,
} from '../../src/core/layout.js'
import type { Netfront, NetfrontOptions } from '../../src/driver/xen/netfront.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_NET_HDR_F } from '../../src/virtio/virtio.js'
import { EXTRA, NETTXF, XEN_NETIF_EXTRA_TYPE } from '../../src/xen/netif.js'
import { checkedPayload, ipFrame } from '../support/ip-frames.js'
import { attachNetfront, xenOf } from '../support/netfront.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const XEN = 0
const FRONT = 1
const GUEST = 2

/** A modelled guest under Xen and one with vrings, whose addresses the bridge knows. */
function wire(options: NetfrontOptions = {}, settings: Partial<PortSettings> = {}) {
  const engine = newEngine()
  const { front, port } = attachNetfront(engine, 'xen', options, { merge: false, ...settings })
  const guest = attach(engine, 'guest')
  front.send(broadcast(FRONT))
  engine.step()
  guest.driver.receive()
  guest.driver.send(broadcast(GUEST))
  engine.step()
  front.receive()
  const { lists } = xenOf(engine).grants
  lists.length = 0
  return { engine, front, port, guest, lists }
}

function all(front: Netfront, queue = 0): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let next = front.receive(queue); next; next = front.receive(queue)) frames.push(next.frame)
  return frames
}

function sendMany(guest: EmbeddedGuest, count: number): Uint8Array[] {
  const frames = Array.from({ length: count }, (_, number) => frame(FRONT, GUEST, 64 + number, number))
  for (const each of frames) guest.driver.enqueue(each)
  guest.driver.publish(1)
  return frames
}

describe('netif rings toward a guest', () => {
  it('publish a burst by one list of copies, one push and one event', () => {
    const { engine, front, guest, lists } = wire()
    const events = (): number => front.queues[0]?.rxChannel.channel.events as number
    all(front)
    const before = [events(), counter(engine, XEN, C_CALLS), counter(engine, XEN, C_GRANT_LISTS)] as const
    const frames = sendMany(guest, 20)
    engine.step()
    expect(lists).toEqual([20])
    expect(events()).toBe(before[0] + 1)
    expect(counter(engine, XEN, C_CALLS)).toBe(before[1] + 1)
    expect(counter(engine, XEN, C_GRANT_LISTS)).toBe(before[2] + 1)
    expect(all(front)).toEqual(frames)
  })

  it('publish frame by frame by a list and a push each when the port says so', () => {
    const { engine, front, guest, lists } = wire({}, { publish: 'per-packet' })
    const before = counter(engine, XEN, C_PUBLISHES)
    const frames = sendMany(guest, 20)
    engine.step()
    expect(lists).toEqual(new Array(20).fill(1))
    expect(counter(engine, XEN, C_PUBLISHES)).toBe(before + 20)
    expect(all(front)).toEqual(frames)
  })

  it('answer with an error, and count a drop, when a page is not granted; what follows arrives', () => {
    const { engine, front, guest } = wire()
    const { rx } = front.queues[0] as Netfront['queues'][0]
    front.domain.revoke(rx.reference(rx.ring.consumed))
    const frames = sendMany(guest, 3)
    engine.step()
    expect(all(front)).toEqual(frames.slice(1))
    expect(rx.errors).toBe(1)
    expect(dropped(engine, XEN, DROP_GRANT)).toBe(1)
    expect(rx.malformed).toBe(0)
  })

  it('let frames of segments wait for the request that their extra information takes', () => {
    const { engine, front, guest } = wire({ rxRequests: 3 })
    const large = ipFrame(FRONT, GUEST, { ip: 4, protocol: 'tcp', payloadBytes: 3000, gsoSize: 1000 })
    for (let count = 0; count < 3; count++) guest.driver.send(large.frame, large.header)
    engine.step()
    const got = all(front)
    for (let turn = 0; turn < 5; turn++) {
      engine.step()
      got.push(...all(front))
    }
    expect(got).toEqual([large.frame, large.frame, large.frame])
    expect(front.queues[0]?.rx.malformed).toBe(0)
  })

  it('complete checksums that a guest would not find behind a tag', () => {
    const { engine, front, guest } = wire({}, { trunk: [10] })
    const {
      frame: partial,
      header,
      payload,
    } = ipFrame(FRONT, GUEST, {
      ip: 4,
      protocol: 'udp',
      payloadBytes: 7001,
      vlan: 10,
    })
    guest.driver.send(partial, header)
    engine.step()
    const received = front.receive()
    expect(received?.header.flags).toBe(VIRTIO_NET_HDR_F.DATA_VALID)
    expect(checkedPayload(received?.frame as Uint8Array)).toEqual(payload)
  })

  it('send the groups that a frontend with multicast control asked for, and no others', () => {
    const { engine, front, guest } = wire({ features: { multicastControl: true } })
    const group = (last: number): number[] => [0x33, 0x33, 0, 0, 0, last]
    const toGroup = (last: number): Uint8Array => {
      const data = frame(0, GUEST, 100)
      data.set(group(last))
      return data
    }
    const change = (type: number, last: number): void => {
      const { tx } = front.queues[0] as Netfront['queues'][0]
      tx.request({ reference: 0, offset: 0, flags: NETTXF.extra_info, id: 0, size: 0 })
      tx.extra(type, 0, (data, entry) => {
        for (const [at, byte] of group(last).entries()) data.setUint8(entry + EXTRA.MCAST_ADDRESS + at, byte)
      })
      front.push()
      engine.step()
    }
    change(XEN_NETIF_EXTRA_TYPE.MCAST_ADD, 1)
    change(XEN_NETIF_EXTRA_TYPE.MCAST_ADD, 2)
    change(XEN_NETIF_EXTRA_TYPE.MCAST_DEL, 1)
    for (const last of [1, 2, 3]) guest.driver.send(toGroup(last))
    guest.driver.send(broadcast(GUEST))
    engine.step()
    expect(all(front)).toEqual([toGroup(2), broadcast(GUEST)])
    expect(dropped(engine, XEN, DROP_FILTERED)).toBe(2)
  })

  it('drop what does not fit into a page for a frontend without sg', () => {
    const { engine, front, guest } = wire({ features: { sg: false } })
    guest.driver.send(frame(FRONT, GUEST, 4084))
    guest.driver.send(frame(FRONT, GUEST, 4085))
    engine.step()
    expect(all(front).map(({ length }) => length)).toEqual([4084])
  })
})

describe('netif rings from a guest', () => {
  it('are read by one list of copies a burst, and answered by one push', () => {
    const { engine, front, guest, lists } = wire()
    const { tx } = front.queues[0] as Netfront['queues'][0]
    tx.reap()
    const frames = Array.from({ length: 30 }, (_, number) => frame(GUEST, FRONT, 64 + number, number))
    for (const each of frames) tx.enqueue(each)
    front.push()
    engine.step()
    expect(lists).toEqual([30])
    expect(tx.reap()).toBe(30)
    expect(tx.errors).toBe(0)
    const got = frames.map(() => guest.driver.receive()?.frame)
    expect(got).toEqual(frames)
  })

  it('lose the packet whose page is not granted, and no other', () => {
    const { engine, front, guest } = wire()
    const { tx } = front.queues[0] as Netfront['queues'][0]
    const before = counter(engine, XEN, C_GRANT_COPIES)
    tx.enqueue(frame(GUEST, FRONT, 5000, 1))
    tx.request({ reference: 7, offset: 0, flags: 0, id: 300, size: 100 })
    tx.enqueue(frame(GUEST, FRONT, 200, 2))
    front.push()
    engine.step()
    tx.reap()
    expect(tx.errors).toBe(1)
    expect(dropped(engine, XEN, DROP_GRANT)).toBe(1)
    expect(counter(engine, XEN, C_GRANT_COPIES)).toBe(before + 4)
    expect([guest.driver.receive()?.frame, guest.driver.receive()?.frame]).toEqual([
      frame(GUEST, FRONT, 5000, 1),
      frame(GUEST, FRONT, 200, 2),
    ])
  })

  it('drop packets of more slots than a switch must take, and go on', () => {
    const { engine, front, guest, port } = wire()
    const large = frame(GUEST, FRONT, 1900)
    const slots = Array.from({ length: 19 }, () => ({ bytes: 100, offset: 0 }))
    front.send(large, {}, 0, slots)
    front.send(
      large,
      {},
      0,
      slots.slice(1).map((slot, at) => (at === 0 ? { ...slot, bytes: 200 } : slot)),
    )
    engine.step()
    expect(guest.driver.receive()?.frame).toEqual(large)
    expect(guest.driver.receive()).toBeUndefined()
    expect(dropped(engine, XEN, DROP_BAD_CHAIN)).toBe(1)
    expect(port.status()).toMatchObject({ state: 'up', detachments: 0 })
  })

  it('are dropped by name when they were fetched and their frontend goes', () => {
    const { engine, front, port } = wire()
    for (let number = 0; number < 100; number++) front.queues[0]?.tx.enqueue(frame(GUEST, FRONT, 64))
    front.push()
    // One burst enters the switch; the next is fetched with what it publishes.
    engine.plane.findBusy(1)
    expect(engine.plane.poll(XEN, 64)).toBe(64)
    port.disconnect('the guest has gone')
    expect(dropped(engine, XEN, DROP_DETACHED)).toBe(36)
  })

  it('lose every packet, and break nothing, when the hypervisor carries out no copy', () => {
    const { engine, front, guest, port } = wire()
    xenOf(engine).grants.isBroken = true
    front.send(frame(GUEST, FRONT, 100))
    guest.driver.send(frame(FRONT, GUEST, 100))
    engine.step()
    xenOf(engine).grants.isBroken = false
    expect(all(front)).toEqual([])
    expect(guest.driver.receive()).toBeUndefined()
    expect(dropped(engine, XEN, DROP_GRANT)).toBe(2)
    front.send(frame(GUEST, FRONT, 101))
    engine.step()
    expect(guest.driver.receive()?.frame).toEqual(frame(GUEST, FRONT, 101))
    expect(port.status().state).toBe('up')
  })
})
