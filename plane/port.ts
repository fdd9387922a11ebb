// Rows of the port table, and what is asked of them.
import {
  ACTIVE_AT,
  G_BUSY,
  GLOBALS_AT,
  P_FLAGS,
  P_VRINGS,
  PORT_BROKEN,
  PORT_BYTES,
  PORT_GUEST,
  PORT_VRINGS,
  PORTS_AT,
  VRING_BYTES,
} from './layout'

/** The row of a port, by its index. */
export function portAt(index: u32): usize {
  return <usize>PORTS_AT + <usize>index * PORT_BYTES
}

/** The index of an active port, by its number among the G_ACTIVE of them. */
export function activeIndex(number: u32): u32 {
  return load<u32>(<usize>ACTIVE_AT + <usize>number * 4)
}

/** Whether a port is not at rest (busy.ts), by its index. */
export function isBusy(index: u32): boolean {
  return ((load<u64>(busyWord(index), G_BUSY) >> (index & 63)) & 1) !== 0
}

export function setBusy(index: u32, busy: boolean): void {
  const word = busyWord(index)
  const bit: u64 = (<u64>1) << (index & 63)
  const others = load<u64>(word, G_BUSY) & ~bit
  store<u64>(word, busy ? others | bit : others, G_BUSY)
}

/** Where G_BUSY is to be read for the bit of a port. */
function busyWord(index: u32): usize {
  return <usize>GLOBALS_AT + <usize>((index >> 6) << 3)
}

/** The index of a port, by its row. */
export function indexOf(port: usize): u32 {
  return <u32>((port - PORTS_AT) / PORT_BYTES)
}

/** The vring of a queue: 2n receives, 2n + 1 transmits. */
export function vringAt(port: usize, queue: u32): usize {
  return port + P_VRINGS + <usize>queue * VRING_BYTES
}

/** Whether frames cross to and from the port in vrings; otherwise the engine moves them through byte rings. */
export function hasVrings(port: usize): boolean {
  return (load<u32>(port, P_FLAGS) & PORT_VRINGS) !== 0
}

/** Whether the port has vrings that may be served: its frontend has not broken the protocol. */
export function servesVrings(port: usize): boolean {
  return (load<u32>(port, P_FLAGS) & (PORT_VRINGS | PORT_BROKEN)) === PORT_VRINGS
}

/** Whether a guest is behind the port, not a kernel that may be believed. */
export function isGuest(port: usize): boolean {
  return (load<u32>(port, P_FLAGS) & PORT_GUEST) !== 0
}
