import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  C_EGRESS_FRAMES,
  C_MERGED,
  C_THINNED_ACKS,
  DROP_BUFFER_TOO_SMALL,
  DROP_REASONS,
  DROP_RING_FULL,
} from '../../src/core/layout.js'
import type { NetHeader, ReceivedFrame } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import { VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { Flow, type FlowOptions } from '../model/flows.js'
import { stopGuests } from '../model/guest.js'
import { be16, DESTINATION, ENDED_ROUTE, HOP_BY_HOP, layoutOf } from '../model/packets.js'
import { segmentsOf } from '../model/segments.js'
import { ACK, drain, MB, PSH, partialHeader, wire } from '../support/merge.js'
import { cleanUp, counter, dropped, frame } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

// ---- everything at once ----

interface Scene {
  readonly ringSize: number
  readonly buffer: number
  readonly pieces: number
  readonly mergeable: boolean
  readonly base: number
  readonly held: boolean
  readonly thin: boolean
}
/** A frame that needs more than all buffers would wait for ever. */
const scene: fc.Arbitrary<Scene> = fc
  .record({
    ringSize: fc.constantFrom(4, 8, 16, 64, 256),
    buffer: fc.constantFrom(64, 200, 1000, 1536, 4096),
    pieces: fc.constantFrom(1, 1, 2, 4),
    mergeable: fc.constantFrom(true, true, true, false),
    base: fc.constantFrom(0, 7, 32767, 65530, 65535),
    held: fc.boolean(),
    thin: fc.boolean(),
  })
  .filter(({ ringSize, buffer }) => ringSize * buffer > 1700)
interface Send {
  readonly kind: 'send'
  readonly flow: number
  readonly count: number
  readonly bytes: number
  readonly odd:
    | 'none'
    | 'push'
    | 'fin'
    | 'ack'
    | 'hole'
    | 'corrupt'
    | 'partial'
    | 'short'
    | 'noise'
    | 'extended'
}
type Op = Send | { readonly kind: 'receive'; readonly count: number } | { readonly kind: 'step' | 'publish' }
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      flow: fc.nat(13),
      count: fc.integer({ min: 1, max: 6 }),
      bytes: fc.oneof(
        fc.integer({ min: 1, max: 90 }),
        fc.constantFrom(500, 1448),
        fc.integer({ min: 1, max: 1448 }),
      ),
      odd: fc.oneof(
        { weight: 6, arbitrary: fc.constant('none' as const) },
        {
          weight: 4,
          arbitrary: fc.constantFrom(
            ...(['push', 'fin', 'ack', 'hole', 'corrupt', 'partial', 'short', 'noise', 'extended'] as const),
          ),
        },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('receive' as const), count: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'step' as const }, { kind: 'publish' as const }) },
)

const FLOWS: FlowOptions[] = Array.from({ length: 10 }, (_, i) => ({
  port: 4000 + i,
  v6: i % 3 === 1,
  stamps: i % 2 === 1,
  udp: i === 3 || i === 6,
  ...(i % 5 === 2 ? { vlan: 5 } : {}),
  sequence: i === 4 ? 0xfffff000 : i * 1000,
}))
FLOWS.push(
  { port: 4010, v6: true, extensions: [DESTINATION] },
  { port: 4011, v6: true, extensions: [HOP_BY_HOP, ENDED_ROUTE, DESTINATION], stamps: true, vlan: 5 },
  { port: 4012, v6: true, extensions: [DESTINATION], udp: true },
  // Longer than the plane keeps of an aggregate's headers.
  { port: 4013, v6: true, extensions: [[60, new Array(134).fill(1)]] },
)

/** What frames of one flow have in common, for frames of FLOWS; 'noise' for all others. */
function flowOf(bytes: Uint8Array): string {
  const place = layoutOf(bytes)
  const type = be16(bytes, place.network - 2)
  if (type !== 0x0800 && type !== 0x86dd) return 'noise'
  return String(be16(bytes, place.transport))
}
function byFlow(frames: readonly Uint8Array[]): Map<string, string[]> {
  const flows = new Map<string, string[]>()
  for (const one of frames) {
    const name = flowOf(one)
    const list = flows.get(name) ?? []
    flows.set(name, list)
    list.push(Buffer.from(one).toString('hex'))
  }
  return flows
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0
  for (const one of whole) if (at < part.length && part[at] === one) at++
  return at === part.length
}

/** Frames that joined another one, over all runs: a property of nothing would prove nothing. */
let merged = 0

function play(wish: Scene, ops: readonly Op[]): void {
  const features = wish.mergeable ? LINUX_FEATURES : LINUX_FEATURES & ~VIRTIO_NET_F.MRG_RXBUF
  const on = wire(
    {
      features,
      ringSize: wish.ringSize * wish.pieces,
      bufferBytes: wish.mergeable ? wish.buffer : 65_584,
      bufferDescriptors: wish.pieces,
      base: wish.base,
      memory: 64 * MB,
      port: { thinAcks: wish.thin },
    },
    wish.held ? 'held' : undefined,
  )
  const flows = FLOWS.map((options) => new Flow(options))
  const sent: Uint8Array[] = []
  const received: ReceivedFrame[] = []
  const send = (bytes: Uint8Array, header: Partial<NetHeader> = {}, as = bytes): void => {
    if (!on.a.driver.enqueue(bytes, header)) {
      on.a.driver.publish(1)
      on.engine.step()
      expect(on.a.driver.enqueue(bytes, header)).toBe(true)
    }
    sent.push(as)
  }
  let noise = 0
  for (const step of ops) {
    if (step.kind === 'send') {
      const flow = flows[step.flow] as Flow
      const { udp = false } = FLOWS[step.flow] as FlowOptions
      for (let i = 0; i < step.count; i++) send(flow.next(step.bytes))
      if (step.odd === 'push') send(flow.next(step.bytes, { flags: ACK | PSH }))
      else if (step.odd === 'fin') send(flow.next(step.bytes, { flags: ACK | 1 }))
      else if (step.odd === 'ack' && !udp) send(flow.next(0))
      else if (step.odd === 'hole') flow.skip(100)
      else if (step.odd === 'short') send(flow.next(Math.ceil(step.bytes / 2)))
      else if (step.odd === 'extended') send(flow.next(step.bytes, { extensions: [HOP_BY_HOP] }))
      else if (step.odd === 'noise') send(frame(2, 1, 60, noise++))
      else if (step.odd === 'corrupt') {
        const bytes = flow.next(step.bytes)
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 0x40
        send(bytes)
      } else if (step.odd === 'partial') {
        const bytes = flow.next(step.bytes, { partial: true })
        const header = partialHeader(bytes, udp)
        const whole = segmentsOf({
          frame: bytes,
          header: { flags: 1, gsoType: 0 } as NetHeader,
        })[0] as Uint8Array
        send(bytes, header, whole)
      }
    } else if (step.kind === 'receive') {
      for (let i = 0; i < step.count; i++) {
        const got = on.b.driver.receive()
        if (got) received.push(got)
      }
    } else {
      on.a.driver.publish(1)
      on.engine.step()
      if (step.kind === 'publish') on.engine.plane.publishPort(1)
    }
  }
  on.a.driver.publish(1)
  for (let idle = 0; idle < 3; idle++) {
    on.engine.step()
    on.engine.plane.publishPort(1)
    const more = drain(on.b)
    if (more.length > 0) idle = -1
    received.push(...more)
  }
  let drops = 0
  for (let reason = 0; reason < DROP_REASONS; reason++) drops += dropped(on.engine, 1, reason)
  expect(drops).toBe(dropped(on.engine, 1, DROP_BUFFER_TOO_SMALL) + dropped(on.engine, 1, DROP_RING_FULL))
  const out = received.flatMap(segmentsOf)
  const thinned = counter(on.engine, 1, C_THINNED_ACKS)
  expect(on.b.driver.rxMalformed).toBe(0)
  expect(out.length + drops + thinned).toBe(sent.length)
  expect(counter(on.engine, 1, C_EGRESS_FRAMES)).toBe(sent.length - drops)
  expect(received.length).toBe(sent.length - drops - thinned - counter(on.engine, 1, C_MERGED))
  merged += counter(on.engine, 1, C_MERGED)
  const wanted = byFlow(sent)
  for (const [name, frames] of byFlow(out)) {
    if (drops + thinned === 0) expect(frames).toEqual(wanted.get(name))
    else expect(isSubsequence(frames, wanted.get(name) ?? [])).toBe(true)
  }
}

describe('merge under everything at once', () => {
  it('merged then segmented gives the frames that came, in the order of their flow, none lost', () => {
    fc.assert(
      fc.property(scene, fc.array(op, { minLength: 1, maxLength: 60 }), (wish, ops) => {
        try {
          play(wish, ops)
        } finally {
          stopGuests()
          cleanUp()
        }
      }),
      { numRuns: Number(process.env.RINGFERRY_MERGE_RUNS ?? 40) },
    )
    expect(merged).toBeGreaterThan(100)
  })
})
