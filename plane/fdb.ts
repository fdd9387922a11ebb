// The forwarding database: which port a (VLAN, MAC) was last heard on. A hash table of buckets of four
// entries (one cache line each): a lookup reads one line. A full bucket replaces an aged-out entry or learns
// nothing, so a flood of source addresses can never push out live ones.
import {
  FDB_AT,
  FDB_BUCKET_SHIFT,
  FDB_ENTRY_BYTES,
  FDB_WAYS,
  G_FDB_AGE_S,
  G_FDB_COUNT,
  G_FDB_FULL,
  G_FDB_LIMIT,
  G_GENERATION,
  G_NOW_S,
  GLOBALS_AT,
  P_FDB_COUNT,
  P_FDB_LIMIT,
  PORT_BYTES,
  PORTS_AT,
} from './layout'

const USED: u64 = 1 << 63

/** Key of a MAC address (6 bytes in memory order, in the low 48 bits) in a VLAN. */
export function fdbKey(mac: u64, vlan: u32): u64 {
  return mac | ((<u64>vlan) << 48) | USED
}

function bucketOf(key: u64): usize {
  const hash = (key ^ (key >> 29)) * 0x9e3779b97f4a7c15
  return <usize>FDB_AT + <usize>(hash >> (64 - FDB_BUCKET_SHIFT)) * (FDB_WAYS * FDB_ENTRY_BYTES)
}

function isStale(entry: usize): boolean {
  return load<u32>(GLOBALS_AT, G_NOW_S) - load<u32>(entry, 12) > load<u32>(GLOBALS_AT, G_FDB_AGE_S)
}

function addToPort(index: u32, by: u32): void {
  const port = <usize>PORTS_AT + <usize>index * PORT_BYTES
  store<u32>(port, load<u32>(port, P_FDB_COUNT) + by, P_FDB_COUNT)
}

function invalidate(): void {
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_GENERATION) + 1, G_GENERATION)
}

function remove(entry: usize): void {
  invalidate()
  addToPort(load<u32>(entry, 8), -1)
  store<u64>(entry, 0)
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_FDB_COUNT) - 1, G_FDB_COUNT)
}

/** The port that an address was heard on, or -1. */
export function fdbLookup(key: u64): i32 {
  const bucket = bucketOf(key)
  for (let way: usize = 0; way < <usize>FDB_WAYS; way++) {
    const entry = bucket + way * FDB_ENTRY_BYTES
    if (load<u64>(entry) === key) return isStale(entry) ? -1 : load<i32>(entry, 8)
  }
  return -1
}

/** Remembers that an address was heard on a port. Limits: of the whole table, of the port, of the bucket. */
export function fdbLearn(key: u64, index: u32): void {
  const bucket = bucketOf(key)
  const now = load<u32>(GLOBALS_AT, G_NOW_S)
  let free: usize = 0
  for (let way: usize = 0; way < <usize>FDB_WAYS; way++) {
    const entry = bucket + way * FDB_ENTRY_BYTES
    const found = load<u64>(entry)
    if (found === key) {
      const old = load<u32>(entry, 8)
      if (old !== index) {
        addToPort(old, -1)
        addToPort(index, 1)
        store<u32>(entry, index, 8)
        invalidate()
      }
      if (load<u32>(entry, 12) !== now) store<u32>(entry, now, 12)
      return
    }
    if (found === 0) free = entry
    else if (free === 0 && isStale(entry)) {
      remove(entry)
      free = entry
    }
  }
  const port = <usize>PORTS_AT + <usize>index * PORT_BYTES
  const count = load<u32>(GLOBALS_AT, G_FDB_COUNT)
  if (
    free === 0 ||
    count >= load<u32>(GLOBALS_AT, G_FDB_LIMIT) ||
    load<u32>(port, P_FDB_COUNT) >= load<u32>(port, P_FDB_LIMIT)
  ) {
    store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_FDB_FULL) + 1, G_FDB_FULL)
    return
  }
  store<u64>(free, key)
  store<u32>(free, index, 8)
  store<u32>(free, now, 12)
  addToPort(index, 1)
  store<u32>(GLOBALS_AT, count + 1, G_FDB_COUNT)
}

/** Forgets stale entries, and those of one port (-1: of none). Called by the engine now and then. */
export function fdbSweep(index: i32): void {
  const end = <usize>FDB_AT + ((<usize>1) << FDB_BUCKET_SHIFT) * (FDB_WAYS * FDB_ENTRY_BYTES)
  for (let entry: usize = FDB_AT; entry < end; entry += FDB_ENTRY_BYTES)
    if (load<u64>(entry) !== 0 && (load<i32>(entry, 8) === index || isStale(entry))) remove(entry)
}
