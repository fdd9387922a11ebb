/**
 * Counters of a port as plain data. The plane keeps them as u64 in the port's row of the shared linear memory;
 * any thread reads them there while the engine runs, and the hot path knows nothing of it. Directions are the
 * switch's: ingress enters it from the port (its guest, or the host behind it, sent it), egress leaves it by the port.
 */
import { COUNTERS, DROP_REASONS, P_COUNTERS, P_DROPS, PORT_BYTES, PORTS_AT } from './layout.js'

/** Names by counter number (C_* of the layout). */
export const COUNTER_NAMES = [
  'ingress_frames',
  'ingress_bytes',
  'egress_frames',
  'egress_bytes',
  /** Calls to the guest for frames delivered. */
  'calls',
  'kicks',
  /** Batches published to the guest: one used-index store each. */
  'publishes',
  'floods',
  /** Frames segmented, or checksummed, because the receiver cannot take them as they came. */
  'segmented',
  'checksummed',
  'backlogged',
  'egress_gso_frames',
  'ingress_gso_frames',
  'polls',
  /** Granules of the guest's memory mapped when they were needed. */
  'granule_misses',
  /** Calls to the guest for frames of its own that were taken. */
  'transmit_calls',
  /** Bursts with frames for the guest, and those of them with a frame that must not wait. */
  'egress_bursts',
  'egress_urgent_bursts',
  /** Frames and bytes in published batches. */
  'published_frames',
  'published_bytes',
  /** Frames that joined the one before them, frames that came of it, acknowledgements that were replaced. */
  'merged',
  'merged_frames',
  'thinned_acks',
  /** Polls that found a transmit ring so full that its guest may have had to wait. */
  'crowded_polls',
  /** Calls made again because the guest did nothing about the one before. */
  'renotifications',
  /** Addresses that moved to the port from another; frames from addresses that could not be learned. */
  'address_moves',
  'unlearned',
  /** Peers that were refused because the port had one. */
  'refused_peers',
  /** Times that a ring's kicks were ignored for a while because they brought nothing. */
  'muted_kicks',
  /** Addresses heard behind another tunnel end point than before; copies of flooded frames beyond the first. */
  'peer_moves',
  'replicated',
  /** Grant copies of the port's frames, and lists of them that were carried out at once. */
  'grant_copies',
  'grant_lists',
] as const

/** A counter of a port by its name. */
export type CounterName = (typeof COUNTER_NAMES)[number]

/**
 * Names by drop reason (DROP_* of the layout). A frame that is itself at fault counts on the port it came from,
 * one that its receiver could not take on the receiver.
 */
export const DROP_NAMES = [
  'runt',
  'too_long',
  'bad_chain',
  'bad_address',
  'bad_net_header',
  'group_source',
  'reserved_group',
  'vlan',
  'isolated',
  'same_port',
  'ring_full',
  'no_link',
  'filtered',
  'buffer_too_small',
  'bad_gso',
  'not_negotiated',
  'spoofed',
  'rate',
  'storm',
  'host_error',
  'detached',
  'sticky',
  'loop',
  'costly',
  'mirror',
  'bad_tunnel',
  'wrong_vni',
  'unknown_peer',
  'grant',
] as const

/** A reason of drops by its name. */
export type DropName = (typeof DROP_NAMES)[number]

/** What a port has counted. */
export interface PortCounters {
  /** Every counter since the port was added. */
  readonly counts: Readonly<Record<CounterName, number>>
  /** Dropped frames; reasons that never occurred are left out. */
  readonly drops: Readonly<Partial<Record<DropName, number>>>
}

/**
 * The counters of a port.
 * @param memory the engine's linear memory; @param index the port's row
 */
export function readCounters(memory: BigUint64Array, index: number): PortCounters {
  const row = (PORTS_AT + index * PORT_BYTES) / 8
  const counts: Partial<Record<CounterName, number>> = {}
  for (let i = 0; i < COUNTERS; i++)
    counts[COUNTER_NAMES[i] as CounterName] = Number(memory[row + P_COUNTERS / 8 + i])
  const drops: Partial<Record<DropName, number>> = {}
  for (let i = 0; i < DROP_REASONS; i++) {
    const name = DROP_NAMES[i]
    const value = Number(memory[row + P_DROPS / 8 + i])
    if (name !== undefined && value > 0) drops[name] = value
  }
  return { counts: counts as Record<CounterName, number>, drops }
}

/** One counter of a port. @param counter C_* of the layout */
export function readCounter(memory: BigUint64Array, index: number, counter: number): number {
  return Number(memory[(PORTS_AT + index * PORT_BYTES + P_COUNTERS) / 8 + counter])
}

/** What was counted between two readings of one port. */
export function countersSince(now: PortCounters, before: PortCounters): PortCounters {
  const counts: Partial<Record<CounterName, number>> = {}
  for (const name of COUNTER_NAMES) counts[name] = now.counts[name] - before.counts[name]
  const drops: Partial<Record<DropName, number>> = {}
  for (const [name, value] of Object.entries(now.drops) as [DropName, number][]) {
    const more = value - (before.drops[name] ?? 0)
    if (more > 0) drops[name] = more
  }
  return { counts: counts as Record<CounterName, number>, drops }
}

/** All dropped frames. */
export function totalDrops(counters: PortCounters): number {
  return Object.values(counters.drops).reduce((sum, value) => sum + value, 0)
}
