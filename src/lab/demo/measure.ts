import { countersSince, type PortCounters } from '../../engine/counters.js'
import type { Switch } from '../../engine/switch.js'
import type { PublishMode } from '../../port/config.js'
import type { DemoKind, DemoRun, Direction } from './result.js'

/** The port of the measured guest, and that of its peer. */
export const MEASURED = 'g1'
export const PEER = 'g2'
export type DemoGuest = typeof MEASURED | typeof PEER

export interface DemoContext {
  readonly kind: DemoKind
  readonly mode: PublishMode
  /** Says what happens, in one line. */
  readonly progress: (text: string) => void
  /** Ends the run before its time. */
  readonly signal: AbortSignal
}

/** What both ports counted while something was done. */
export interface Counted {
  readonly measured: PortCounters
  readonly peer: PortCounters
}

/** A run: frames and calls of the measured guest's port, drops of both. */
export function runOf(
  context: DemoContext,
  direction: Direction,
  counted: Counted,
  measured: { readonly mbps: number; readonly rttUs: number | null },
): DemoRun {
  const { counts } = counted.measured
  const drops: Record<string, number> = {}
  for (const port of [counted.measured, counted.peer])
    for (const [reason, frames] of Object.entries(port.drops)) drops[reason] = (drops[reason] ?? 0) + frames
  return {
    guestKind: context.kind,
    mode: context.mode,
    direction,
    mbps: measured.mbps,
    rttUs: measured.rttUs,
    frames: direction === 'to_vm' ? counts.to_vm_frames : counts.from_vm_frames,
    calls: counts.calls + counts.transmit_calls,
    drops,
  }
}

/** Does something and tells what both ports counted meanwhile. */
export async function counting<T>(
  running: Switch,
  action: () => Promise<T>,
): Promise<{ readonly counted: Counted; readonly value: T }> {
  const before = { measured: running.counters(MEASURED), peer: running.counters(PEER) }
  const value = await action()
  const counted = {
    measured: countersSince(running.counters(MEASURED), before.measured),
    peer: countersSince(running.counters(PEER), before.peer),
  }
  return { counted, value }
}
