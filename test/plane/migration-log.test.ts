// What the plane writes into the memory of a guest that is about to move lies on pages that are marked.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { C_MERGED, C_THINNED_ACKS } from '../../src/core/layout.js'
import type { TxLayout } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { Flow } from '../model/flows.js'
import { type StartOptions, stopGuests } from '../model/guest.js'
import { LONG_US } from '../support/merge.js'
import { closeLogs, Mover } from '../support/mover.js'
import { broadcast, cleanUp, counter, frame, newEngine } from '../support/switch.js'

const MB = 2 ** 20
afterEach(() => {
  stopGuests()
  closeLogs()
  cleanUp()
})

interface Setup {
  readonly onDemand: boolean
  readonly mergeable: boolean
  readonly eventIndex: boolean
  readonly bufferBytes: number
  readonly bufferDescriptors: number
  readonly pairs: number
  readonly hold: boolean
  readonly base: number
}

const setupOf: fc.Arbitrary<Setup> = fc.record({
  onDemand: fc.boolean(),
  mergeable: fc.boolean(),
  eventIndex: fc.boolean(),
  bufferBytes: fc.constantFrom(200, 700, 2048, 6000),
  bufferDescriptors: fc.constantFrom(1, 1, 2, 3),
  pairs: fc.constantFrom(1, 1, 2),
  hold: fc.boolean(),
  base: fc.constantFrom(0, 40, 65_520),
})

type Op =
  | {
      readonly op: 'send'
      readonly from: 0 | 1
      readonly kind: 'flow' | 'acks' | 'raw' | 'all'
      readonly flow: number
      readonly count: number
      readonly bytes: number
      readonly layout: TxLayout
    }
  | { readonly op: 'receive'; readonly guest: 0 | 1; readonly count: number }
  | { readonly op: 'arm' | 'publish' | 'toggle' }

const opOf: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      from: fc.constantFrom(0 as const, 1 as const),
      kind: fc.constantFrom('flow', 'flow', 'flow', 'acks', 'raw', 'all'),
      flow: fc.nat(3),
      count: fc.integer({ min: 1, max: 16 }),
      bytes: fc.integer({ min: 50, max: 1400 }),
      layout: fc.constantFrom<TxLayout[]>(
        {},
        { separateHeader: true },
        { separateHeader: true, indirect: true },
        { descriptors: 3, indirect: true },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('receive' as const),
      guest: fc.constantFrom(0 as const, 1 as const),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ op: 'arm' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'publish' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'toggle' as const }) },
)

class Bed {
  readonly engine: Engine
  readonly movers: readonly [Mover, Mover]
  readonly #flows = new Map<string, Flow>()
  #logs = true
  #acks = 0

  constructor({ onDemand, hold, ...setup }: Setup) {
    this.engine = newEngine({
      memoryBytes: onDemand ? 32 * MB : 128 * MB,
      ...(hold ? { policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 100_000 } } : {}),
    })
    let features = LINUX_FEATURES
    features &= ~(VIRTIO_NET_F.HOST_TSO4 | VIRTIO_NET_F.HOST_TSO6 | VIRTIO_NET_F.HOST_USO)
    if (!setup.mergeable) features &= ~VIRTIO_NET_F.MRG_RXBUF
    if (!setup.eventIndex) features &= ~VIRTIO_F.EVENT_IDX
    if (setup.pairs > 1) features |= VIRTIO_NET_F.MQ
    const options: StartOptions = {
      features,
      queuePairs: setup.pairs,
      base: setup.base,
      bufferBytes: setup.bufferBytes,
      bufferDescriptors: setup.bufferDescriptors,
      port: { queues: setup.pairs, control: false, thinAcks: true },
    }
    // A guest of 40 MB does not fit into a linear memory of 32.
    const highBytes = (onDemand ? 40 : 4) * MB
    const move = (name: string): Mover => new Mover(this.engine, name, options, highBytes).begin()
    this.movers = [move('a'), move('b')]
    for (const [index, { guest }] of this.movers.entries()) {
      guest.driver.send(broadcast(index + 1))
      this.engine.step()
    }
    for (const mover of this.movers) mover.copy()
  }

  /** The next frame of a flow from one guest to the other: three are TCP, one is UDP. */
  #next(from: 0 | 1, number: number, bytes: number, ack = 0): Uint8Array {
    const key = `${from}/${number}`
    const flow =
      this.#flows.get(key) ??
      new Flow({ port: 4000 + number, udp: number === 3, v6: number === 1, stamps: true })
    this.#flows.set(key, flow)
    const acknowledge = (data: Uint8Array, { transport }: { transport: number }): void =>
      new DataView(data.buffer).setUint32(transport + 8, ack)
    const data = flow.next(bytes, ack === 0 ? {} : { change: acknowledge })
    if (from === 1) data.set([...data.subarray(6, 12), ...data.subarray(0, 6)])
    return data
  }

  /** A newer acknowledgement of the first flow. */
  #nextAck(from: 0 | 1): Uint8Array {
    this.#acks += 1000
    return this.#next(from, 0, 0, this.#acks)
  }

  #send({ from, kind, flow, count, bytes, layout }: Op & { op: 'send' }): void {
    const { driver } = this.movers[from].guest
    const [to, own] = [2 - from, from + 1]
    for (let number = 0; number < count; number++) {
      let data = frame(to, own, bytes + 14, number)
      if (kind === 'all') data = broadcast(own, bytes + 14)
      if (kind === 'flow') data = this.#next(from, flow, bytes)
      if (kind === 'acks') data = this.#nextAck(from)
      driver.enqueue(data, {}, flow % driver.queuePairs, layout)
    }
    for (let queue = 0; queue < driver.queuePairs; queue++) driver.publish(queue * 2 + 1)
  }

  #toggle(): void {
    this.#logs = !this.#logs
    for (const { guest } of this.movers) expect(guest.frontend.logAll(this.#logs)).toBe(true)
  }

  run(op: Op): void {
    if (op.op === 'send') this.#send(op)
    else if (op.op === 'receive') {
      const { driver } = this.movers[op.guest].guest
      for (let queue = 0; queue < driver.queuePairs; queue++) {
        driver.reapTx(queue)
        for (let number = 0; number < op.count && driver.receive(queue); number++);
      }
    }
    if (op.op === 'toggle') this.#toggle()
    // What the drivers have written is theirs to tell of; what the switch writes is compared.
    for (const mover of this.movers) mover.copy()
    if (op.op === 'arm') for (const port of [0, 1]) this.engine.plane.armPort(port)
    else if (op.op === 'publish') for (const port of [0, 1]) this.engine.plane.publishPort(port)
    else for (let steps = 0; steps < 3; steps++) this.engine.step()
    for (const mover of this.movers) expect(this.#logs ? mover.missed() : mover.marked()).toEqual([])
  }

  /** GET_VRING_BASE of all rings. Returns how many pages were marked by it. */
  stop(): number {
    if (!this.#logs) this.#toggle()
    let pages = 0
    for (const mover of this.movers) {
      mover.copy()
      const { driver, frontend } = mover.guest
      for (const [number, ring] of driver.rings.entries()) {
        const base = frontend.stopRing(number)
        // All that was taken has been given back.
        expect(base).toBe(mover.guest.memory.data.getUint16(mover.guest.memory.offsetOf(ring.used) + 2, true))
      }
      expect(mover.missed()).toEqual([])
      pages += mover.marked().length
      this.engine.step()
      mover.copy()
      this.engine.step()
      expect(mover.marked()).toEqual([])
      expect(mover.changed()).toEqual([])
    }
    return pages
  }
}

describe('the log of dirty pages', () => {
  it('has every page that the switch wrote when traffic, rings and buffers are random', () => {
    const seen = { received: 0, merged: 0, thinned: 0, heldPages: 0 }
    fc.assert(
      fc.property(setupOf, fc.array(opOf, { minLength: 5, maxLength: 25 }), (setup, ops) => {
        const bed = new Bed(setup)
        try {
          for (const op of ops) bed.run(op)
          const pages = bed.stop()
          if (setup.hold) seen.heldPages += pages
          for (const port of [0, 1]) {
            seen.merged += counter(bed.engine, port, C_MERGED)
            seen.thinned += counter(bed.engine, port, C_THINNED_ACKS)
          }
          for (const { guest } of bed.movers)
            for (let queue = 0; queue < setup.pairs; queue++)
              while (guest.driver.receive(queue)) seen.received++
        } finally {
          stopGuests()
          closeLogs()
          cleanUp()
        }
      }),
      { numRuns: 40 },
    )
    // A property of nothing would prove nothing.
    for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(20)
  })
})
