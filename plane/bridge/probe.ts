// Own probe frames: they tell whether what leaves one port comes back on another. The engine sends one where it
// suspects a loop (src/engine/loop-guard.ts) and is told here what came back. Broadcast, because every bridge on the
// way floods it; an id of 64 random bits, because another switch's probes must pass, and nobody shall guess ours.
//
//   ff:ff:ff:ff:ff:ff | own source | tag, if the VLAN has one there | 88b5 | u64 id | u32 port | zeros
import { dropEntering } from '../capture/frames'
import { emit } from '../egress'
import { openFlat } from '../frame/open'
import { frame, out } from '../frame/record'
import { readTags } from '../frame/tags'
import {
  DROP_LOOP,
  G_PROBE_ID,
  G_PROBE_SOURCE,
  GLOBALS_AT,
  HEAD_AT,
  NET_HEADER_BYTES,
  P_FLAGS,
  P_LOOPED,
  P_NATIVE_VLAN,
  PORT_LINK,
  PORT_MIRROR,
  STAGE_AT,
} from '../layout'
import {
  ETH_EXPERIMENT,
  ETH_VLAN,
  ETHERNET_BYTES,
  MAC_BROADCAST,
  MACS_BYTES,
  storeBe16,
  TAG_BYTES,
  TAG_CONTROL,
} from '../packet/packet'
import { portAt } from '../port'

const PAYLOAD_BYTES: u32 = 12
const PROBE_BYTES: u32 = 60

/** Takes the frame at hand, which came in on a port, if it is a probe of this switch. Returns whether it was one. */
export function takeProbe(from: usize): boolean {
  if (frame.destination !== MAC_BROADCAST) return false
  if (frame.source !== load<u64>(GLOBALS_AT, G_PROBE_SOURCE)) return false
  if (!readTags() || frame.innerType !== ETH_EXPERIMENT) return false
  const at = ETHERNET_BYTES + frame.tagBytes
  if (at + PAYLOAD_BYTES > frame.headBytes) return false
  if (load<u64>(<usize>HEAD_AT + at) !== load<u64>(GLOBALS_AT, G_PROBE_ID)) return false
  store<u32>(from, load<u32>(<usize>HEAD_AT + at, 8) + 1, P_LOOPED)
  dropEntering(from, DROP_LOOP)
  return true
}

/** Sends a probe out of a port in a VLAN, whatever the port may carry at the moment. Publication waits for publish(). */
export function sendProbe(index: u32, vlan: u32): void {
  const port = portAt(index)
  if ((load<u32>(port, P_FLAGS) & (PORT_LINK | PORT_MIRROR)) !== PORT_LINK) return
  const source = load<u64>(GLOBALS_AT, G_PROBE_SOURCE)
  const probe: usize = STAGE_AT + NET_HEADER_BYTES
  memory.fill(STAGE_AT, 0, NET_HEADER_BYTES + PROBE_BYTES)
  store<u64>(probe, MAC_BROADCAST | (source << 48))
  store<u32>(probe, <u32>(source >> 16), 8)
  let at = probe + MACS_BYTES
  if (vlan !== load<u32>(port, P_NATIVE_VLAN)) {
    store<u16>(at, <u16>ETH_VLAN)
    storeBe16(at + TAG_CONTROL, vlan)
    at += TAG_BYTES
  }
  store<u16>(at, <u16>ETH_EXPERIMENT)
  store<u64>(at, load<u64>(GLOBALS_AT, G_PROBE_ID), 2)
  store<u32>(at, index, 10)
  if (openFlat(port, STAGE_AT, NET_HEADER_BYTES + PROBE_BYTES, NET_HEADER_BYTES) >= 0) return
  out.head = HEAD_AT
  out.headBytes = PROBE_BYTES
  out.bytes = PROBE_BYTES
  out.netHeader = 0
  out.csumOffset = 0
  out.hash = 0
  emit(port)
}
