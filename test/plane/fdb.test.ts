// The forwarding database: what is learned, what a move does, and that it stays within its lines.
import { describe, expect, it } from 'vitest'
import { readFdb } from '../../src/core/fdb.js'
import {
  C_ADDRESS_MOVES,
  C_UNLEARNED,
  DROP_STICKY,
  FDB_AT,
  FDB_ENTRY_BYTES,
  FDB_LINE_SHIFT,
  FDB_WAYS,
  G_FDB_COUNT,
  G_FDB_FULL,
  G_NOW_S,
  HEAP_AT,
  MAX_FDB_ENTRIES,
} from '../../src/core/layout.js'
import { BareSwitch, macOf } from '../support/bare-switch.js'

const ALL = [255, 255, 255, 255, 255, 255]
const LINE_BYTES = FDB_WAYS * FDB_ENTRY_BYTES
/** Some of the values that chance may give. */
const SEEDS = [
  BigUint64Array.of(0xb5ad4eceda1ce2a9n, 0x9e6c63d0876a9a47n, 0xd1342543de82ef95n),
  BigUint64Array.of(0x2545f4914f6cdd1dn, 0x5851f42d4c957f2dn, 0xc6bc279692b5cc83n),
  BigUint64Array.of(0x0f1e2d3c4b5a6978n, 0xe7037ed1a0b428dan, 0x8ebc6af09c88c6e2n),
]

function say(real: BareSwitch, port: number, mac: number[], to = ALL): void {
  real.send(port, Uint8Array.from([...to, ...mac, 8, 6]))
}

/** Sets of addresses as they come about, and as someone would choose them who wants them to collide. */
const SETS: [string, (n: number) => number[]][] = [
  ['consecutive', (n) => macOf(n)],
  ['in steps of the number of lines', (n) => macOf((n << FDB_LINE_SHIFT) >>> 0)],
  ['different in their first bytes alone', (n) => [2, (n >> 8) & 255, n & 255, 0, 0, 0]],
  ['with equal halves', (n) => [(n & 63) << 2, (n >> 6) & 255, (n >> 14) & 3, n & 255, (n >> 8) & 255, 7]],
  ['scattered', (n) => macOf(Math.imul(n, 0x9e3779b1) >>> 0)],
]

describe('fdbLearn', () => {
  it.each(
    SETS,
  )('learns every address up to the highest limit, in a few lines each, when they are %s', (_, macAt) => {
    for (const seed of SEEDS) {
      const ports = [{ maxAddresses: MAX_FDB_ENTRIES / 2 }, { maxAddresses: MAX_FDB_ENTRIES / 2 }, {}]
      const real = new BareSwitch(ports, MAX_FDB_ENTRIES, 300, seed)
      for (let n = 0; n < MAX_FDB_ENTRIES; n++) {
        say(real, n & 1, macAt(n + 1))
        if (n % 1024 === 0) for (const port of [0, 1, 2]) real.take(port)
      }
      expect(real.global(G_FDB_FULL)).toBe(0)
      const found = readFdb(real.memory.u64)
      const expected = Array.from({ length: MAX_FDB_ENTRIES }, (_, n) => [
        macAt(n + 1)
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join(':'),
        n & 1,
      ])
      expect(new Map(found.map(({ mac, port }) => [mac, port]))).toEqual(
        new Map(expected as [string, number][]),
      )
      expect(found).toHaveLength(MAX_FDB_ENTRIES)
    }
  })

  it('finds every address again after others were moved to make room', () => {
    const real = new BareSwitch([{ maxAddresses: MAX_FDB_ENTRIES }, {}, {}], MAX_FDB_ENTRIES)
    for (let n = 1; n <= MAX_FDB_ENTRIES - 1; n++) {
      say(real, 0, macOf(n))
      if (n % 1024 === 0) for (const port of [1, 2]) real.take(port)
    }
    for (const port of [1, 2]) real.take(port)
    for (let n = 1; n <= MAX_FDB_ENTRIES - 1; n++) {
      say(real, 1, macOf(0), macOf(n))
      if (n % 1024 === 0) real.take(0)
    }
    expect(real.take(2)).toHaveLength(0)
  })

  it('counts on the port and in all every frame whose source is not learned when a limit is reached', () => {
    const real = new BareSwitch([{ maxAddresses: 3 }, {}], 5)
    for (let n = 1; n <= 4; n++) say(real, 0, macOf(n))
    for (let n = 11; n <= 14; n++) say(real, 1, macOf(n))
    say(real, 1, macOf(14))
    expect([real.counter(0, C_UNLEARNED), real.counter(1, C_UNLEARNED)]).toEqual([1, 3])
    expect([real.global(G_FDB_FULL), real.global(G_FDB_COUNT)]).toEqual([4, 5])
  })

  it('learns in the place of an address that was silent for too long when a line is full', () => {
    const real = new BareSwitch([{ maxAddresses: MAX_FDB_ENTRIES }, {}], MAX_FDB_ENTRIES, 10)
    real.global(G_NOW_S, 100)
    for (let n = 1; n <= 30_000; n++) say(real, 0, macOf(n))
    real.global(G_NOW_S, 111)
    for (let n = 30_001; n <= 60_000; n++) {
      say(real, 0, macOf(n))
      if (n % 2000 === 0) real.plane.fdbSweep(-1)
    }
    expect(real.global(G_FDB_FULL)).toBe(0)
    expect(readFdb(real.memory.u64)).toHaveLength(30_000)
  })

  it('counts a move on the new port when an address is heard elsewhere while it lives', () => {
    const real = new BareSwitch([{}, {}], 16384, 10)
    real.global(G_NOW_S, 100)
    for (const port of [0, 0, 1, 1, 0]) say(real, port, macOf(1))
    expect([real.counter(0, C_ADDRESS_MOVES), real.counter(1, C_ADDRESS_MOVES)]).toEqual([1, 1])
    real.global(G_NOW_S, 111)
    say(real, 1, macOf(1))
    expect(real.counter(1, C_ADDRESS_MOVES)).toBe(1)
    expect(readFdb(real.memory.u64)).toMatchObject([{ mac: '02:00:00:00:00:01', port: 1 }])
  })

  it('keeps an address, and drops frames that use it elsewhere, when its port is sticky', () => {
    const real = new BareSwitch([{ sticky: true }, {}, {}], 16384, 10)
    real.global(G_NOW_S, 100)
    say(real, 0, macOf(1))
    say(real, 1, macOf(1))
    expect(real.drops(1)[DROP_STICKY]).toBe(1)
    expect(real.take(2)).toHaveLength(1)
    expect(readFdb(real.memory.u64)).toMatchObject([{ port: 0 }])
    real.plane.fdbSweep(0)
    say(real, 1, macOf(1))
    expect(readFdb(real.memory.u64)).toMatchObject([{ port: 1 }])
    expect(real.drops(1)[DROP_STICKY]).toBe(1)
  })
})

describe('the forwarding database', () => {
  it('has lines of one cache line each and ends before the heap', () => {
    expect(LINE_BYTES).toBe(64)
    expect(FDB_AT % LINE_BYTES).toBe(0)
    expect(FDB_AT + (LINE_BYTES << FDB_LINE_SHIFT)).toBeLessThanOrEqual(HEAP_AT)
    expect(MAX_FDB_ENTRIES * 2).toBeLessThanOrEqual(FDB_WAYS << FDB_LINE_SHIFT)
  })
})
