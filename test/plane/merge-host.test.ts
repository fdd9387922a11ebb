import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { C_MERGED, C_MERGED_FRAMES, DROP_RING_FULL, TAKE_CSUM } from '../../src/core/layout.js'
import { TAKE_ALL } from '../../src/core/port-row.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import type { Engine } from '../../src/engine/engine.js'
import { Flow, type FlowOptions } from '../model/flows.js'
import { start, stopGuests } from '../model/guest.js'
import { segmentsOf } from '../model/segments.js'
import { hostSide } from '../support/host-side.js'
import { expectSame, MB, shape, text } from '../support/merge.js'
import { cleanUp, counter, dropped, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

/** Row of the host port. */
const HOST = 9

describe('merge toward a host port', () => {
  function sendTo(side: 'offloads' | 'none'): {
    send: (frames: Uint8Array[]) => ReceivedFrame[]
    engine: Engine
  } {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', { ringSize: 256 })
    const { take } = hostSide(engine, HOST, side === 'offloads' ? TAKE_ALL : TAKE_CSUM)
    const send = (frames: Uint8Array[]): ReceivedFrame[] => {
      for (const one of frames) a.driver.enqueue(one)
      a.driver.publish(1)
      engine.step()
      return take()
    }
    return { send, engine }
  }

  it.each<[string, FlowOptions]>([
    ['TCP over IPv4', {}],
    ['TCP over IPv6 with timestamps', { v6: true, stamps: true }],
    ['UDP', { udp: true }],
  ])('the newest record grows with segments of %s', (_, options) => {
    const { send, engine } = sendTo('offloads')
    const flow = new Flow(options)
    for (let round = 0; round < 40; round++) {
      const sent = [1001, 1001, 1001, 1001, 13].map((bytes) => flow.next(bytes))
      const received = send(sent)
      expect(shape(received)).toEqual([4017])
      expectSame(received, sent)
    }
    expect(counter(engine, HOST, C_MERGED)).toBe(160)
    expect(counter(engine, HOST, C_MERGED_FRAMES)).toBe(40)
  })

  it('a frame of another flow, or one that was written out, ends it', () => {
    const { send } = sendTo('offloads')
    const flow = new Flow()
    const other = new Flow({ port: 5 })
    const sent = [flow.next(500), flow.next(500), other.next(500), flow.next(500), flow.next(500)]
    const received = send(sent)
    expect(shape(received)).toEqual([1000, 500, 1000])
    expectSame(received, sent)
    expect(shape(send([flow.next(500)]))).toEqual([500])
  })

  it('nothing is merged for a port without segmentation', () => {
    const { send } = sendTo('none')
    const flow = new Flow()
    expect(shape(send([flow.next(500), flow.next(500)]))).toEqual([500, 500])
  })

  it('goes round the ring, full and partly taken, byte by byte', () => {
    const round = fc.record({
      flow: fc.nat(1),
      count: fc.integer({ min: 1, max: 60 }),
      bytes: fc.constantFrom(1400, 1400, 60),
      take: fc.constantFrom(0, 0, 0, 1, 2),
    })
    let full = 0
    fc.assert(
      fc.property(fc.array(round, { minLength: 60, maxLength: 90 }), (rounds) => {
        const engine = newEngine({ memoryBytes: 64 * MB })
        const a = start(engine, 'a', { ringSize: 64, txSlotBytes: 2048, port: { stormFps: 0 } })
        const { take } = hostSide(engine, HOST, TAKE_ALL)
        const flows = [new Flow({ port: 1 }), new Flow({ port: 2, v6: true })]
        const sent: Uint8Array[] = []
        const received: ReceivedFrame[] = []
        // More than the ring holds, so that it is full now and then however the rounds go.
        const fill = { flow: 0, count: 800, bytes: 1400, take: 3 }
        for (const { flow, count, bytes, take: records } of [fill, ...rounds]) {
          for (let i = 0; i < count; i++) {
            const one = (flows[flow] as Flow).next(bytes)
            sent.push(one)
            // A step that was interrupted may leave the ring full.
            while (!a.driver.send(one)) engine.step()
            if (i % 20 === 19) engine.step()
          }
          engine.step()
          received.push(...take(records))
        }
        received.push(...take())
        const out = text(received.flatMap(segmentsOf))
        const drops = dropped(engine, HOST, DROP_RING_FULL)
        full += drops
        expect(out.length + drops).toBe(sent.length)
        let at = 0
        for (const one of text(sent)) if (one === out[at]) at++
        expect(at).toBe(out.length)
        stopGuests()
        cleanUp()
      }),
      { numRuns: 10 },
    )
    expect(full).toBeGreaterThan(0)
  })
})
