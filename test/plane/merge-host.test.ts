import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { frameBytes } from '../../src/core/byte-ring.js'
import { Globals } from '../../src/core/globals.js'
import {
  ACTIVE_AT,
  C_MERGED,
  C_MERGED_FRAMES,
  DROP_RING_FULL,
  G_ACTIVE,
  NET_HEADER_BYTES,
  PORT_LINK,
  RECORD_NET_HEADER,
  TAKE_CSUM,
} from '../../src/core/layout.js'
import { PortRow, TAKE_ALL } from '../../src/core/port-row.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { HostOutput } from '../../src/port/host-output.js'
import { readSettings } from '../../src/port/settings.js'
import { Flow, type FlowOptions } from '../model/flows.js'
import { start, stopGuests } from '../model/guest.js'
import { segmentsOf } from '../model/segments.js'
import { expectSame, MB, shape, text } from '../support/merge.js'
import { cleanUp, counter, dropped, newEngine } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

describe('merge toward a host port', () => {
  interface HostSide {
    readonly row: PortRow
    /** Takes records, oldest first; all by default. */
    take(limit?: number): ReceivedFrame[]
  }
  function host(engine: Engine, takes = TAKE_ALL, settings: Partial<PortSettings> = {}): HostSide {
    const { memory } = engine
    const index = 9
    const row = new PortRow(memory, index)
    row.open(readSettings({ name: 'host', ...settings }), false)
    row.flag(PORT_LINK, true)
    row.setOffloads(takes, 0)
    const globals = new Globals(memory)
    globals.setEntry(ACTIVE_AT, globals.get(G_ACTIVE), index)
    globals.set(G_ACTIVE, globals.get(G_ACTIVE) + 1)
    const output = new HostOutput(engine, row)
    const take = (limit = Number.MAX_SAFE_INTEGER): ReceivedFrame[] => {
      const all: ReceivedFrame[] = []
      for (let record = output.first(); record !== 0 && all.length < limit; record = output.first()) {
        const at = record + RECORD_NET_HEADER
        const word = (offset: number): number => memory.data.getUint16(at + offset, true)
        const bytes = frameBytes(memory, record)
        const frame = memory.u8.slice(at + NET_HEADER_BYTES, at + NET_HEADER_BYTES + bytes)
        const [flags, gsoType] = [memory.u8[at] as number, memory.u8[at + 1] as number]
        const rest = {
          hdrLen: word(2),
          gsoSize: word(4),
          csumStart: word(6),
          csumOffset: word(8),
          numBuffers: word(10),
        }
        all.push({ frame, header: { flags, gsoType, ...rest } })
        output.pop(1)
      }
      return all
    }
    return { row, take }
  }
  function sendTo(side: 'offloads' | 'none'): {
    send: (frames: Uint8Array[]) => ReceivedFrame[]
    engine: Engine
  } {
    const engine = newEngine({ memoryBytes: 256 * MB })
    const a = start(engine, 'a', { ringSize: 256 })
    const { take } = host(engine, side === 'offloads' ? TAKE_ALL : TAKE_CSUM)
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
    expect(counter(engine, 9, C_MERGED)).toBe(160)
    expect(counter(engine, 9, C_MERGED_FRAMES)).toBe(40)
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
        const { take } = host(engine)
        const flows = [new Flow({ port: 1 }), new Flow({ port: 2, v6: true })]
        const sent: Uint8Array[] = []
        const received: ReceivedFrame[] = []
        // More than the ring holds, so that it is full now and then however the rounds go.
        const fill = { flow: 0, count: 800, bytes: 1400, take: 3 }
        for (const { flow, count, bytes, take: records } of [fill, ...rounds]) {
          for (let i = 0; i < count; i++) {
            const one = (flows[flow] as Flow).next(bytes)
            sent.push(one)
            a.driver.send(one)
            if (i % 20 === 19) engine.step()
          }
          engine.step()
          received.push(...take(records))
        }
        received.push(...take())
        const out = text(received.flatMap(segmentsOf))
        const drops = dropped(engine, 9, DROP_RING_FULL)
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
  }, 30_000)
})
