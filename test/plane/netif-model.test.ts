// Netif rings against the plainest model: what goes in comes out, whole and in order.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { NetHeader, ReceivedFrame } from '../../src/driver/net-driver.js'
import type { Netfront } from '../../src/driver/xen/netfront.js'
import type { TxSlot } from '../../src/driver/xen/netfront-tx.js'
import { ipFrame } from '../support/ip-frames.js'
import { attachNetfront } from '../support/netfront.js'
import { broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const PAGE = 4096
const MOST_SLOTS = 18

interface Sent {
  readonly frame: Uint8Array
  readonly header: Partial<NetHeader>
  readonly slots: readonly TxSlot[]
  readonly queue: number
  readonly forth: boolean
}

/** Cuts a frame at random, each part at a random place of its page. */
const slotsOf = (length: number) =>
  fc
    .array(fc.record({ part: fc.integer({ min: 1, max: PAGE }), place: fc.nat(PAGE) }), {
      minLength: MOST_SLOTS,
      maxLength: MOST_SLOTS,
    })
    .map((cuts): TxSlot[] => {
      const slots: TxSlot[] = []
      let left = length
      for (const [number, { part, place }] of cuts.entries()) {
        const rest = MOST_SLOTS - 1 - number
        const bytes = Math.min(left, PAGE, Math.max(part, left - rest * PAGE))
        slots.push({ bytes, offset: place % (PAGE - bytes + 1) })
        left -= bytes
        if (left === 0) break
      }
      return slots
    })

const packet = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('plain' as const), bytes: fc.integer({ min: 14, max: 9000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('tcp' as const),
      ip: fc.constantFrom(4 as const, 6 as const),
      bytes: fc.integer({ min: 1, max: 60_000 }),
      gsoSize: fc.integer({ min: 536, max: 8900 }),
    }),
  },
)

const sent = fc
  .record({ packet, queue: fc.nat(2), forth: fc.boolean() })
  .chain(({ packet: what, queue, forth }) => {
    const [to, from] = forth ? [2, 1] : [1, 2]
    const made =
      what.kind === 'plain'
        ? { frame: frame(to, from, what.bytes, what.bytes), header: {} }
        : ipFrame(to, from, {
            ip: what.ip,
            protocol: 'tcp',
            payloadBytes: what.bytes,
            gsoSize: what.bytes > what.gsoSize ? what.gsoSize : 0,
          })
    return slotsOf(made.frame.length).map(
      (slots): Sent => ({ frame: made.frame, header: made.header, slots, queue, forth }),
    )
  })

/** All that a frontend has got, whichever queue it came by. */
function taken(front: Netfront): ReceivedFrame[] {
  return front.queues.flatMap((_, queue) => {
    const frames: ReceivedFrame[] = []
    for (let next = front.receive(queue); next; next = front.receive(queue)) frames.push(next)
    return frames
  })
}

/** A frame as text, with what its header asks for. */
const key = ({ frame: bytes, header }: { frame: Uint8Array; header: Partial<NetHeader> }): string =>
  `${header.gsoType ?? 0} ${header.gsoSize ?? 0} ${(header.flags ?? 0) & 1} ${Buffer.from(bytes).toString('latin1')}`

describe('netif rings, as a model', () => {
  it.each([1, 3])('with %i queues deliver every packet whole, whatever its slots', (queues) => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 12 }), (packets) => {
        const engine = newEngine()
        const settings = { merge: false, mtu: 9000 }
        const [{ front: one }, { front: two }] = [
          attachNetfront(engine, 'one', { queues }, settings),
          attachNetfront(engine, 'two', { queues }, settings),
        ]
        one.send(broadcast(1))
        two.send(broadcast(2))
        for (let turn = 0; turn < 3; turn++) engine.step()
        for (const front of [one, two]) taken(front)
        const got: [ReceivedFrame[], ReceivedFrame[]] = [[], []]
        for (const { frame: bytes, header, slots, queue, forth } of packets) {
          const front = forth ? one : two
          expect(front.send(bytes, header, queue % queues, slots)).toBe(true)
          if (bytes.length < 20_000) continue
          for (let turn = 0; turn < 3; turn++) engine.step()
          got[0].push(...taken(one))
          got[1].push(...taken(two))
        }
        for (let turn = 0; turn < 4; turn++) {
          engine.step()
          got[0].push(...taken(one))
          got[1].push(...taken(two))
        }
        for (const [at, forth] of [false, true].entries()) {
          const expected = packets.filter((each) => each.forth === forth).map(key)
          const found = (got[at] as ReceivedFrame[]).map(key)
          if (queues > 1) for (const list of [expected, found]) list.sort()
          expect(found.length).toBe(expected.length)
          expect(found.every((each, number) => each === expected[number])).toBe(true)
        }
        for (const front of [one, two])
          for (const { tx, rx } of front.queues)
            expect([tx.errors, rx.errors, rx.malformed]).toEqual([0, 0, 0])
        cleanUp()
      }),
      { numRuns: 25 },
    )
  })
})
