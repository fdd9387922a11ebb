import type { HoldLimits } from '../aggregation/hold-limits.js'
import { portAt } from './globals.js'
import {
  P_GAP_US,
  P_HOLD_US,
  P_MAX_BATCH_BYTES,
  P_MAX_BATCH_FRAMES,
  P_REASONS,
  P_SERVICE_US,
  P_URGENT_PUBLISH,
  PORT_BYTES,
} from './layout.js'

/** Name of each reason for a publication, by its code in the layout (REASON_*). */
export const REASON_NAMES = [
  'hold',
  'full',
  'frames',
  'bytes',
  'no-hold',
  'polling',
  'urgent',
  'deadline',
  'gap',
] as const

/** When and why frames are published to a port's guest. */
export interface Publication {
  readonly limits: HoldLimits
  /** Publications so far, by reason; reasons that never occurred are left out. */
  readonly reasons: Readonly<Record<string, number>>
  /** Engine time used for what the guest transmits, in microseconds. */
  readonly servedUs: number
}

/**
 * The hold limits of a port and what came of them, as they are now.
 * @param memory the engine's linear memory; @param index the port's row
 */
export function readPublication(memory: BigUint64Array, index: number): Publication {
  const row = new DataView(memory.buffer, memory.byteOffset + portAt(index), PORT_BYTES)
  const u32 = (field: number): number => row.getUint32(field, true)
  const f64 = (field: number): number => row.getFloat64(field, true)
  const reasons: Record<string, number> = {}
  for (const [code, name] of REASON_NAMES.entries()) {
    const count = Number(row.getBigUint64(P_REASONS + code * 8, true))
    if (count > 0) reasons[name] = count
  }
  return {
    limits: {
      holdUs: f64(P_HOLD_US),
      maxFrames: u32(P_MAX_BATCH_FRAMES),
      maxBytes: u32(P_MAX_BATCH_BYTES),
      gapUs: f64(P_GAP_US),
      urgentPublish: u32(P_URGENT_PUBLISH) !== 0,
    },
    reasons,
    servedUs: f64(P_SERVICE_US),
  }
}
