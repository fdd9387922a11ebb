// The split ring as it lies in a guest's memory. Only this file knows offsets within its three parts; everybody else
// asks by number. Source: virtio 1.3, 2.7.
//
//   descriptor table   16 bytes each: u64 address, u32 length, u16 flags, u16 next
//   available ring     u16 flags | u16 index | u16 heads[size]                  | u16 used_event     frontend writes
//   used ring          u16 flags | u16 index | (u32 head, u32 bytes)[size]      | u16 avail_event    backend writes
//
// Each part is given by its linear offset, which the fast path keeps in a local. What lies in guest memory may change
// while it is read: a descriptor is read once, as two u64, and taken apart by the functions below.

const DESCRIPTOR_BYTES: u32 = 16
const NEXT: u32 = 1
const WRITE: u32 = 2
const INDIRECT: u32 = 4
const CHAIN_FLAGS: u32 = NEXT | WRITE | INDIRECT

const NO_INTERRUPT: u32 = 1
const NO_NOTIFY: u16 = 1

// ---- descriptors ----

/** Descriptors that fit into so many bytes; 0 when that is no whole number of them. */
export function descriptorsIn(bytes: u32): u32 {
  return bytes % DESCRIPTOR_BYTES === 0 ? bytes / DESCRIPTOR_BYTES : 0
}

/** Bytes from the start of a table to a descriptor. */
export function descriptorOffset(index: u32): u64 {
  return <u64>index * DESCRIPTOR_BYTES
}

/** Bytes of one descriptor. */
export function descriptorBytes(): u32 {
  return DESCRIPTOR_BYTES
}

export function descriptorAt(table: usize, index: u32): usize {
  return table + <usize>index * DESCRIPTOR_BYTES
}

/** The guest address of a descriptor's buffer. */
export function loadAddress(descriptor: usize): u64 {
  return load<u64>(descriptor)
}

/** What else a descriptor says, to be taken apart by bufferBytes() to nextOf(). */
export function loadRest(descriptor: usize): u64 {
  return load<u64>(descriptor, 8)
}

export function bufferBytes(rest: u64): u32 {
  return <u32>rest
}

export function nextOf(rest: u64): u32 {
  return <u32>(rest >> 48)
}

export function hasNext(rest: u64): boolean {
  return (<u32>(rest >> 32) & NEXT) !== 0
}

export function isWritable(rest: u64): boolean {
  return (<u32>(rest >> 32) & WRITE) !== 0
}

export function isIndirect(rest: u64): boolean {
  return (<u32>(rest >> 32) & INDIRECT) !== 0
}

/** Whether the descriptor is a whole chain of one readable buffer. */
export function isOneReadable(rest: u64): boolean {
  return (<u32>(rest >> 32) & CHAIN_FLAGS) === 0
}

/** Whether the descriptor is a whole chain of one writable buffer. */
export function isOneWritable(rest: u64): boolean {
  return (<u32>(rest >> 32) & CHAIN_FLAGS) === WRITE
}

/** Whether the descriptor is a writable buffer for the virtio-net header alone, with the frame's behind it. */
export function isHeaderAlone(rest: u64, header: u32): boolean {
  return isWritable(rest) && hasNext(rest) && !isIndirect(rest) && bufferBytes(rest) === header
}

// ---- available ring ----

/** The index behind the last available chain. Acquires: what the frontend wrote before can be read after. */
export function loadAvailableIndex(avail: usize): u32 {
  return <u32>atomic.load<u16>(avail, 2)
}

/** The head in a slot; any u16. */
export function loadHead(avail: usize, slot: u32): u32 {
  return load<u16>(avail + <usize>slot * 2, 4)
}

/** Without the event index: whether the frontend wants calls. */
export function wantsCalls(avail: usize): boolean {
  return (<u32>atomic.load<u16>(avail) & NO_INTERRUPT) === 0
}

/** With the event index: the used entry that the frontend wants to be called for. */
export function loadUsedEvent(avail: usize, size: u32): u32 {
  return <u32>atomic.load<u16>(avail + <usize>size * 2, 4)
}

// ---- used ring ----

/** Its flags and index. */
export const USED_HEADER_BYTES: u32 = 4
const USED_BYTES: u32 = 8

/** Bytes of so many entries. */
export function usedBytes(entries: u32): u32 {
  return entries * USED_BYTES
}

/** Bytes from the start of the used ring to a slot. */
export function usedOffset(slot: u32): u32 {
  return USED_HEADER_BYTES + slot * USED_BYTES
}

/** Bytes from the start of the used ring to what storeAvailableEvent() writes: two bytes. */
export function availableEventOffset(size: u32): u32 {
  return usedOffset(size)
}

/** Writes the entry in a slot; the frontend sees it once storeUsedIndex() went past it. */
export function storeUsed(used: usize, slot: u32, head: u32, bytes: u32): void {
  store<u64>(used + <usize>slot * 8, <u64>head | ((<u64>bytes) << 32), 4)
}

/** Makes all entries before an index visible. A full fence: what is read after was not read before. */
export function storeUsedIndex(used: usize, index: u32): void {
  atomic.store<u16>(used, <u16>index, 2)
}

/** Without the event index: whether the backend wants kicks. A full fence. */
export function storeWantsKicks(used: usize, wants: boolean): void {
  atomic.store<u16>(used, wants ? <u16>0 : NO_NOTIFY)
}

/** With the event index: the available entry that the backend wants a kick for. A full fence. */
export function storeAvailableEvent(used: usize, size: u32, index: u32): void {
  atomic.store<u16>(used + <usize>size * 8, <u16>index, 4)
}

/** Whether `event` lies in [old, index) on the u16 circle. Source: virtio 1.3, 2.7.7.2 and 2.7.10.1. */
export function needEvent(event: u32, index: u32, old: u32): boolean {
  return ((index - event - 1) & 0xffff) < ((index - old) & 0xffff)
}
