/** Two guests on a wire whose receiver takes merged frames: what the tests of merging share. */
import { expect } from 'vitest'
import type { NetHeader, ReceivedFrame } from '../../src/driver/net-driver.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { type StartOptions, start, type TestGuest } from '../model/guest.js'
import { csumOffset, layoutOf } from '../model/packets.js'
import { segmentsOf } from '../model/segments.js'
import { broadcast, newEngine } from './switch.js'

/** An hour: nothing is due. */
export const LONG_US = 3_600_000_000
/** TCP flags. */
export const ACK = 0x10
export const PSH = 0x08
export const MB = 2 ** 20

export interface Wire {
  readonly engine: Engine
  readonly a: TestGuest
  readonly b: TestGuest
}

/** A sender without segmentation of its own and a receiver. */
export function wire(options: StartOptions = {}, policy?: 'held'): Wire {
  const held = { policy: { name: 'fixed', holdUs: LONG_US, maxFrames: 100_000 } } as const
  const engine = newEngine({ memoryBytes: 256 * MB, ...(policy ? held : {}) })
  const features = LINUX_FEATURES & ~(VIRTIO_NET_F.HOST_TSO4 | VIRTIO_NET_F.HOST_TSO6 | VIRTIO_NET_F.HOST_USO)
  const a = start(engine, 'a', { features, ringSize: 256, port: { publish: 'natural' } })
  const b = start(engine, 'b', { ringSize: 256, memory: 32 * MB, ...options })
  // So that the switch knows where the receiver is, and plain frames to it can take the fast path.
  b.driver.send(broadcast(2))
  engine.step()
  drain(a)
  return { engine, a, b }
}

/** The virtio-net header of a frame with a partial checksum. */
export function partialHeader(frame: Uint8Array, udp = false): Partial<NetHeader> {
  return { flags: 1, csumStart: layoutOf(frame).transport, csumOffset: csumOffset(udp) }
}

/** All that a guest has received. */
export function drain(guest: TestGuest): ReceivedFrame[] {
  const all: ReceivedFrame[] = []
  for (let got = guest.driver.receive(); got; got = guest.driver.receive()) all.push(got)
  return all
}

/** Sends frames as one burst and returns what the other side receives of it. */
export function cross(
  on: Wire,
  frames: readonly Uint8Array[],
  headers: Partial<NetHeader>[] = [],
): ReceivedFrame[] {
  for (const [index, frame] of frames.entries()) on.a.driver.enqueue(frame, headers[index] ?? {})
  on.a.driver.publish(1)
  on.engine.step()
  return drain(on.b)
}

/** Frames as text, which compares quickly and reads well. */
export function text(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('hex'))
}

/** Expects that received frames stand for the frames sent, in this order. */
export function expectSame(received: readonly ReceivedFrame[], sent: readonly Uint8Array[]): void {
  expect(text(received.flatMap(segmentsOf))).toEqual(text(sent))
}

/** Payload bytes of each received frame. */
export function shape(received: readonly ReceivedFrame[]): number[] {
  return received.map(({ frame }) => frame.length - layoutOf(frame).payload)
}
