// The forwarding database: which port a (VLAN, MAC) was last heard on. A hash table of lines of four entries;
// a line is one cache line, and a key lives in one of two lines: a lookup reads at most two.
//
//   hash --+--> first line   | key port seen | key port seen | free | key port seen |
//          +--> second line  | key port seen | free | free | key port seen |
//
// An address goes to its first line, if that is full to its second, and if both are full an entry of them moves to
// its own other line (cuckoo hashing). At most half of all places are used (MAX_FDB_ENTRIES), where one such move, or
// two in a row, always find a place: every address up to the limits is learned. The hash is keyed (G_FDB_SEED), so a
// guest that chooses its addresses cannot choose their lines.
// Sources: Pagh, Rodler, Cuckoo Hashing (2001); Dietzfelbinger, Weidling, Balanced allocation and dictionaries with
// tightly packed constant size bins (2007): two lines of four fill to 0.97.
import { count } from '../counters'
import {
  C_ADDRESS_MOVES,
  C_UNLEARNED,
  FDB_AT,
  FDB_ENTRY_BYTES,
  FDB_LINE_SHIFT,
  FDB_PORT,
  FDB_SEEN,
  FDB_WAYS,
  G_FDB_AGE_S,
  G_FDB_COUNT,
  G_FDB_FULL,
  G_FDB_LIMIT,
  G_FDB_SEED,
  G_NOW_S,
  GLOBALS_AT,
  P_FDB_COUNT,
  P_FDB_LIMIT,
  P_FLAGS,
  P_KEPT_BY,
  P_KEPT_KEY,
  P_MOVED_FROM,
  P_MOVED_KEY,
  PORT_STICKY,
} from '../layout'
import { portAt } from '../port'

const USED: u64 = 1 << 63
const LINE_BYTES: usize = FDB_WAYS * FDB_ENTRY_BYTES
const LINE_MASK: u64 = (1 << FDB_LINE_SHIFT) - 1

/** Key of a MAC address (6 bytes in memory order, in the low 48 bits) in a VLAN. */
export function fdbKey(mac: u64, vlan: u32): u64 {
  return mac | ((<u64>vlan) << 48) | USED
}

/** Two rounds of secret multiplication: without the seed, neither lines nor differences of lines can be foreseen. */
function hashOf(key: u64): u64 {
  let hash = key ^ load<u64>(GLOBALS_AT, G_FDB_SEED)
  hash = (hash ^ (hash >> 32)) * (load<u64>(GLOBALS_AT, G_FDB_SEED + 8) | 1)
  hash = (hash ^ (hash >> 29)) * (load<u64>(GLOBALS_AT, G_FDB_SEED + 16) | 1)
  return hash ^ (hash >> 32)
}

function firstLine(hash: u64): usize {
  return <usize>FDB_AT + <usize>(hash & LINE_MASK) * LINE_BYTES
}

/** Never the first: the two differ in their lowest bit. */
function secondLine(hash: u64): usize {
  return <usize>FDB_AT + <usize>((hash ^ ((hash >> 32) | 1)) & LINE_MASK) * LINE_BYTES
}

function isStale(entry: usize): boolean {
  return load<u32>(GLOBALS_AT, G_NOW_S) - load<u32>(entry, FDB_SEEN) > load<u32>(GLOBALS_AT, G_FDB_AGE_S)
}

function addToPort(index: u32, by: u32): void {
  const port = portAt(index)
  store<u32>(port, load<u32>(port, P_FDB_COUNT) + by, P_FDB_COUNT)
}

function remove(entry: usize): void {
  addToPort(load<u32>(entry, FDB_PORT), -1)
  store<u64>(entry, 0)
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_FDB_COUNT) - 1, G_FDB_COUNT)
}

function findIn(line: usize, key: u64): usize {
  if (load<u64>(line) === key) return line
  if (load<u64>(line, FDB_ENTRY_BYTES) === key) return line + FDB_ENTRY_BYTES
  if (load<u64>(line, 2 * FDB_ENTRY_BYTES) === key) return line + 2 * FDB_ENTRY_BYTES
  return load<u64>(line, 3 * FDB_ENTRY_BYTES) === key ? line + 3 * FDB_ENTRY_BYTES : 0
}

/** The entry of a key, or 0. */
function find(key: u64, hash: u64): usize {
  const entry = findIn(firstLine(hash), key)
  return entry !== 0 ? entry : findIn(secondLine(hash), key)
}

/**
 * The entry of a key, or 0: find() for the fast path, which is compiled into its loop because it has one caller and, for
 * most keys, calls nothing.
 */
export function findEntry(key: u64): usize {
  let hash = key ^ load<u64>(GLOBALS_AT, G_FDB_SEED)
  hash = (hash ^ (hash >> 32)) * (load<u64>(GLOBALS_AT, G_FDB_SEED + 8) | 1)
  hash = (hash ^ (hash >> 29)) * (load<u64>(GLOBALS_AT, G_FDB_SEED + 16) | 1)
  hash ^= hash >> 32
  const line = <usize>FDB_AT + <usize>(hash & LINE_MASK) * LINE_BYTES
  if (load<u64>(line) === key) return line
  if (load<u64>(line, FDB_ENTRY_BYTES) === key) return line + FDB_ENTRY_BYTES
  if (load<u64>(line, 2 * FDB_ENTRY_BYTES) === key) return line + 2 * FDB_ENTRY_BYTES
  if (load<u64>(line, 3 * FDB_ENTRY_BYTES) === key) return line + 3 * FDB_ENTRY_BYTES
  return findIn(secondLine(hash), key)
}

/** The port that an address was heard on, or -1. */
export function fdbLookup(key: u64): i32 {
  const entry = find(key, hashOf(key))
  return entry === 0 || isStale(entry) ? -1 : load<i32>(entry, FDB_PORT)
}

/** A free place in a line, made free of an aged-out entry if need be, or 0. */
function roomIn(line: usize): usize {
  const free = findIn(line, 0)
  if (free !== 0) return free
  for (let way: usize = 0; way < LINE_BYTES; way += FDB_ENTRY_BYTES)
    if (isStale(line + way)) {
      remove(line + way)
      return line + way
    }
  return 0
}

/**
 * Makes a place in a full line: one of its entries moves to its other line, in which `depth` moves may make a place
 * for it. At most 1: deeper, a chain of moves could come back to the line that it started from. Returns it, or 0.
 */
function displace(line: usize, depth: u32): usize {
  for (let way: usize = 0; way < LINE_BYTES; way += FDB_ENTRY_BYTES) {
    const entry = line + way
    const hash = hashOf(load<u64>(entry))
    const first = firstLine(hash)
    const other = first === line ? secondLine(hash) : first
    let room = roomIn(other)
    if (room === 0 && depth > 0) room = displace(other, depth - 1)
    if (room === 0) continue
    v128.store(room, v128.load(entry))
    store<u64>(entry, 0)
    return entry
  }
  return 0
}

function roomFor(hash: u64): usize {
  const first = firstLine(hash)
  const second = secondLine(hash)
  let room = roomIn(first)
  if (room === 0) room = roomIn(second)
  for (let depth: u32 = 0; room === 0 && depth <= 1; depth++) {
    room = displace(first, depth)
    if (room === 0) room = displace(second, depth)
  }
  return room
}

/** Moves a known address to the port it is heard on now. Returns false when a sticky port keeps it. */
function move(entry: usize, key: u64, index: u32): boolean {
  const old = load<u32>(entry, FDB_PORT)
  const port = portAt(index)
  if (!isStale(entry)) {
    if (load<u32>(portAt(old), P_FLAGS) & PORT_STICKY) {
      store<u64>(port, key, P_KEPT_KEY)
      store<u32>(port, old, P_KEPT_BY)
      return false
    }
    count(port, C_ADDRESS_MOVES)
    store<u64>(port, key, P_MOVED_KEY)
    store<u32>(port, old, P_MOVED_FROM)
  }
  addToPort(old, -1)
  addToPort(index, 1)
  store<u32>(entry, index, FDB_PORT)
  return true
}

function add(key: u64, hash: u64, index: u32): void {
  const port = portAt(index)
  const known = load<u32>(GLOBALS_AT, G_FDB_COUNT)
  const isFull =
    known >= load<u32>(GLOBALS_AT, G_FDB_LIMIT) ||
    load<u32>(port, P_FDB_COUNT) >= load<u32>(port, P_FDB_LIMIT)
  const room: usize = isFull ? 0 : roomFor(hash)
  if (room === 0) {
    store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_FDB_FULL) + 1, G_FDB_FULL)
    count(port, C_UNLEARNED)
    return
  }
  store<u64>(room, key)
  store<u32>(room, index, FDB_PORT)
  store<u32>(room, load<u32>(GLOBALS_AT, G_NOW_S), FDB_SEEN)
  addToPort(index, 1)
  // Making room may have removed an aged-out entry.
  store<u32>(GLOBALS_AT, load<u32>(GLOBALS_AT, G_FDB_COUNT) + 1, G_FDB_COUNT)
}

/**
 * Remembers that an address was heard on a port, unless the table or the port is full.
 * Returns false when the address is another port's, which is sticky.
 */
export function fdbLearn(key: u64, index: u32): boolean {
  const hash = hashOf(key)
  const entry = find(key, hash)
  if (entry === 0) {
    add(key, hash, index)
    return true
  }
  if (load<u32>(entry, FDB_PORT) !== index && !move(entry, key, index)) return false
  const now = load<u32>(GLOBALS_AT, G_NOW_S)
  if (load<u32>(entry, FDB_SEEN) !== now) store<u32>(entry, now, FDB_SEEN)
  return true
}

/** Forgets the addresses of one port, or of all ports (-1) those that are stale. Called by the engine now and then. */
export function fdbSweep(index: i32): void {
  if (index >= 0 && load<u32>(portAt(index), P_FDB_COUNT) === 0) return
  const end = <usize>FDB_AT + (LINE_BYTES << FDB_LINE_SHIFT)
  for (let entry: usize = FDB_AT; entry < end; entry += FDB_ENTRY_BYTES)
    if (load<u64>(entry) !== 0 && (index < 0 ? isStale(entry) : load<i32>(entry, FDB_PORT) === index))
      remove(entry)
}

/** Forgets the addresses of a port, given by index, that `stays` does not want: it gets the port and the key. */
export function fdbFilter(index: u32, stays: (port: usize, key: u64) => boolean): void {
  const port = portAt(index)
  if (load<u32>(port, P_FDB_COUNT) === 0) return
  const end = <usize>FDB_AT + (LINE_BYTES << FDB_LINE_SHIFT)
  for (let entry: usize = FDB_AT; entry < end; entry += FDB_ENTRY_BYTES) {
    const key = load<u64>(entry)
    if (key !== 0 && load<u32>(entry, 8) === index && !stays(port, key)) remove(entry)
  }
}

/**
 * Forgets addresses because an operator wants it: those of a port, of a VLAN, and of one MAC address (as in a key); -1: of
 * any. Returns how many there were.
 */
export function fdbFlush(index: i32, vlan: i32, mac: i64): u32 {
  let flushed: u32 = 0
  const end = <usize>FDB_AT + (LINE_BYTES << FDB_LINE_SHIFT)
  for (let entry: usize = FDB_AT; entry < end; entry += FDB_ENTRY_BYTES) {
    const key = load<u64>(entry)
    if (key === 0 || (index >= 0 && load<i32>(entry, FDB_PORT) !== index)) continue
    if (vlan >= 0 && <i32>((key >> 48) & 0xfff) !== vlan) continue
    if (mac >= 0 && <i64>(key & 0xffffffffffff) !== mac) continue
    if (!isStale(entry)) flushed++
    remove(entry)
  }
  return flushed
}
