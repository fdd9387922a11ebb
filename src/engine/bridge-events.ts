/**
 * What the bridge sees and an operator wants to know: addresses that move, or would if their port were not sticky,
 * addresses that are not learned because a table is full, floods beyond the limit. The plane counts; here the counts
 * become events, for each port and kind at most one in REST_US, so that a guest which causes thousands a second
 * causes no more than a line now and then.
 */

import { parseFdbKey } from '../core/fdb.js'
import { Globals } from '../core/globals.js'
import {
  C_ADDRESS_MOVES,
  C_UNLEARNED,
  DROP_STICKY,
  DROP_STORM,
  G_FDB_LIMIT,
  MAX_PORTS,
  P_COUNTERS,
  P_DROPS,
  P_FDB_COUNT,
  P_FDB_LIMIT,
  P_KEPT_BY,
  P_KEPT_KEY,
  P_MOVED_FROM,
  P_MOVED_KEY,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { PortRow } from '../core/port-row.js'
import type { Port, PortEvent } from '../port/port.js'

/** Microseconds in which a port has at most one event of a kind. */
export const REST_US = 10_000_000

/** Where a kind is counted (u64 in the port's row), and what is said of `count` new ones. */
interface Kind {
  readonly event: PortEvent
  readonly counter: number
  detail(row: Row, count: number): string
}

/** Reads the fields of one port's row. */
interface Row {
  u32(field: number): number
  /** The address that an FDB key in the row stands for. */
  address(field: number): string
  /** The name of the port whose index is in the row. */
  port(field: number): string
  /** Most addresses of the whole switch. */
  readonly limit: number
}

const more = (count: number, what: string): string => (count > 1 ? `; ${count} ${what}` : '')

const KINDS: readonly Kind[] = [
  {
    event: 'address-moved',
    counter: P_COUNTERS + 8 * C_ADDRESS_MOVES,
    detail: (row, count) =>
      `${row.address(P_MOVED_KEY)} came from port ${row.port(P_MOVED_FROM)}${more(count, 'moves')}`,
  },
  {
    event: 'address-kept',
    counter: P_DROPS + 8 * DROP_STICKY,
    detail: (row, count) =>
      `${row.address(P_KEPT_KEY)} stays on port ${row.port(P_KEPT_BY)}, which is sticky; frames dropped: ${count}`,
  },
  {
    event: 'unlearned',
    counter: P_COUNTERS + 8 * C_UNLEARNED,
    detail: (row, count) =>
      row.u32(P_FDB_COUNT) >= row.u32(P_FDB_LIMIT)
        ? `the port has ${row.u32(P_FDB_LIMIT)} addresses, its maxAddresses; frames from others: ${count}`
        : `the switch has ${row.limit} addresses, the engine's maxAddresses; frames from others: ${count}`,
  },
  {
    event: 'storm',
    counter: P_DROPS + 8 * DROP_STORM,
    detail: (_, count) => `flooded frames beyond stormFps dropped: ${count}`,
  },
]

export class BridgeEvents {
  readonly #globals: Globals
  readonly #rows: readonly PortRow[]
  /** By port and kind: what was reported, and when. */
  readonly #reported = new Uint32Array(MAX_PORTS * KINDS.length)
  readonly #reportedUs = new Float64Array(MAX_PORTS * KINDS.length).fill(Number.NEGATIVE_INFINITY)

  constructor(memory: LinearMemory) {
    this.#globals = new Globals(memory)
    this.#rows = Array.from({ length: MAX_PORTS }, (_, index) => new PortRow(memory, index))
  }

  /** Reports what is new. @param nowUs microseconds on the engine's clock */
  check(
    nowUs: number,
    ports: readonly Port[],
    report: (port: Port, event: PortEvent, detail: string) => void,
  ): void {
    for (const port of ports)
      for (const [number, kind] of KINDS.entries()) {
        const at = port.index * KINDS.length + number
        // The low half is enough: what counts is the difference.
        const count = (this.#rows[port.index] as PortRow).get(kind.counter)
        const news = (count - (this.#reported[at] as number)) >>> 0
        if (news === 0 || nowUs - (this.#reportedUs[at] as number) < REST_US) continue
        this.#reported[at] = count
        this.#reportedUs[at] = nowUs
        report(port, kind.event, kind.detail(this.#row(port.index, ports), news))
      }
  }

  /** Begins anew for a port that was removed: its successor counts from 0. */
  forget(index: number): void {
    this.#reported.fill(0, index * KINDS.length, (index + 1) * KINDS.length)
    this.#reportedUs.fill(Number.NEGATIVE_INFINITY, index * KINDS.length, (index + 1) * KINDS.length)
  }

  #row(index: number, ports: readonly Port[]): Row {
    const row = this.#rows[index] as PortRow
    const u32 = (field: number): number => row.get(field)
    return {
      u32,
      address: (field) => {
        const { mac, vlan } = parseFdbKey(row.getU64(field))
        return vlan === 0 ? mac : `${mac} (VLAN ${vlan})`
      },
      port: (field) => ports.find((port) => port.index === u32(field))?.name ?? 'that is gone',
      limit: this.#globals.get(G_FDB_LIMIT),
    }
  }
}
