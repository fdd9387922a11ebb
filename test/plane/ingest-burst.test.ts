// A burst of a host port is handed over by one call, and taken as far as its work allows.
import { afterEach, describe, expect, it } from 'vitest'
import { G_WORK_LEFT, GLOBALS_AT, INGEST_AT, NET_HEADER_BYTES, STAGE_AT } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import { attach, broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const SLOT_BYTES = 4096

/** Puts frames of port 0 into the staging area and lists them. */
function list(engine: Engine, frames: readonly Uint8Array[]): void {
  const { u8, u32 } = engine.memory
  for (const [index, data] of frames.entries()) {
    const at = STAGE_AT + index * SLOT_BYTES
    u8.fill(0, at, at + NET_HEADER_BYTES)
    u8.set(data, at + NET_HEADER_BYTES)
    u32.set([at, NET_HEADER_BYTES + data.length], (INGEST_AT >>> 2) + index * 2)
  }
}

function site() {
  const engine = newEngine()
  const [from, to] = [attach(engine, 'a'), attach(engine, 'b')]
  for (const [index, guest] of [from, to].entries()) guest.driver.send(broadcast(index + 1))
  engine.step()
  const received = (): number[] => {
    const sizes: number[] = []
    for (let next = to.driver.receive(); next; next = to.driver.receive()) sizes.push(next.frame.length)
    return sizes
  }
  received()
  return { engine, received }
}

describe('ingestBurst', () => {
  it('forwards what is listed in order, seen by nobody before the end of the burst', () => {
    const { engine, received } = site()
    const sizes = [60, 1514, 61, 300]
    list(
      engine,
      sizes.map((bytes) => frame(2, 1, bytes)),
    )
    expect(engine.plane.ingestBurst(0, sizes.length, NET_HEADER_BYTES)).toBe(sizes.length)
    expect(received()).toEqual([])
    engine.plane.publish()
    expect(received()).toEqual(sizes)
  })

  it('takes the first frame in any case, and no more, when the burst has cost enough', () => {
    const { engine, received } = site()
    list(
      engine,
      [60, 70, 80].map((bytes) => frame(2, 1, bytes)),
    )
    engine.memory.data.setInt32(GLOBALS_AT + G_WORK_LEFT, 0, true)
    expect(engine.plane.ingestBurst(0, 3, NET_HEADER_BYTES)).toBe(1)
    engine.plane.publish()
    expect(received()).toEqual([60])
    expect(engine.plane.ingestBurst(0, 0, NET_HEADER_BYTES)).toBe(0)
  })
})
