import { frameBytes } from '../../src/core/byte-ring.js'
import { Globals } from '../../src/core/globals.js'
import { ACTIVE_AT, G_ACTIVE, NET_HEADER_BYTES, PORT_LINK, RECORD_NET_HEADER } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import type { ReceivedFrame } from '../../src/driver/net-driver.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { HostOutput } from '../../src/port/host-output.js'
import { readSettings } from '../../src/port/settings.js'

/** A host port without a device: a row, and what waits to be written. */
export interface HostSide {
  readonly row: PortRow
  /** Takes records, oldest first; all by default. */
  take(limit?: number): ReceivedFrame[]
}

/** A host port in a free row of an engine. @param takes offloads (TAKE_*) that it takes */
export function hostSide(
  engine: Engine,
  index: number,
  takes: number,
  settings: Partial<PortSettings> = {},
): HostSide {
  const { memory } = engine
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
