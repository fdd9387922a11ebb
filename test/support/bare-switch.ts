import { frameBytes } from '../../src/core/byte-ring.js'
import { seedFdb } from '../../src/core/fdb.js'
import { Globals } from '../../src/core/globals.js'
import {
  ACTIVE_AT,
  DROP_REASONS,
  G_ACTIVE,
  G_FDB_AGE_S,
  G_FDB_LIMIT,
  NET_HEADER_BYTES,
  P_COUNTERS,
  P_DROPS,
  PORT_LINK,
  RECORD_FRAME,
  STAGE_AT,
} from '../../src/core/layout.js'
import { LinearMemory } from '../../src/core/linear-memory.js'
import { instantiatePlane } from '../../src/core/plane.js'
import { PortRow } from '../../src/core/port-row.js'
import { planeModule } from '../../src/engine/plane-module.js'
import type { PortSettings } from '../../src/port/config.js'
import { readSettings } from '../../src/port/settings.js'

const TEST_SEED = BigUint64Array.of(0x243f6a8885a308d3n, 0x13198a2e03707344n, 0xa4093822299f31d0n)

/** A plane with host ports whose output is read from their byte rings. */
export class BareSwitch {
  readonly memory = new LinearMemory(32 * 2 ** 20)
  readonly plane = instantiatePlane(this.memory, planeModule())
  readonly globals = new Globals(this.memory)
  readonly rows: PortRow[]

  constructor(settings: readonly Partial<PortSettings>[], limit = 16384, ageS = 300, seed = TEST_SEED) {
    this.rows = settings.map((port, index) => {
      const row = new PortRow(this.memory, index)
      row.open(readSettings({ name: `p${index}`, stormFps: 0, ...port }), false)
      row.flag(PORT_LINK, true)
      this.globals.setEntry(ACTIVE_AT, index, index)
      return row
    })
    seedFdb(this.memory.u64, seed)
    this.global(G_ACTIVE, settings.length)
    this.global(G_FDB_LIMIT, limit)
    this.global(G_FDB_AGE_S, ageS)
  }
  global(field: number, value?: number): number {
    if (value !== undefined) this.globals.set(field, value)
    return this.globals.get(field)
  }
  send(from: number, frame: Uint8Array): void {
    this.memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
    this.memory.u8.set(frame, STAGE_AT + NET_HEADER_BYTES)
    this.plane.ingest(from, STAGE_AT, NET_HEADER_BYTES + frame.length, NET_HEADER_BYTES)
    this.plane.publish()
  }
  take(port: number): Uint8Array[] {
    const { ring } = this.rows[port] as PortRow
    const frames: Uint8Array[] = []
    for (let at = this.plane.ringFirst(ring); at !== 0; at = this.plane.ringFirst(ring)) {
      const bytes = frameBytes(this.memory, at)
      frames.push(this.memory.u8.slice(at + RECORD_FRAME, at + RECORD_FRAME + bytes))
      this.plane.ringTake(ring, 1)
    }
    return frames
  }
  drops(port: number): number[] {
    const row = this.rows[port] as PortRow
    return Array.from({ length: DROP_REASONS }, (_, reason) => Number(row.getU64(P_DROPS + reason * 8)))
  }

  /** A counter (C_*) of a port. */
  counter(port: number, index: number): number {
    return Number((this.rows[port] as PortRow).getU64(P_COUNTERS + index * 8))
  }
}

/** The address 02:00 and a number. */
export function macOf(address: number): number[] {
  return [2, 0, (address >> 24) & 255, (address >> 16) & 255, (address >> 8) & 255, address & 255]
}
