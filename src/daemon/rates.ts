import { type PortCounters, totalDrops } from '../core/counters.js'

/** What a port carries, per second; directions named from the VM. */
export interface PortRates {
  readonly fromFps: number
  readonly fromMbps: number
  readonly toFps: number
  readonly toMbps: number
  readonly callsPerS: number
  readonly dropsPerS: number
}

const BITS = 8
const MEGA = 1e6

/** Rates over an interval. @param counted what was counted in it; @param seconds its length */
export function ratesOf(counted: PortCounters, seconds: number): PortRates {
  const { counts } = counted
  const per = (value: number): number => (seconds > 0 ? value / seconds : 0)
  return {
    fromFps: per(counts.from_vm_frames),
    fromMbps: per((counts.from_vm_bytes * BITS) / MEGA),
    toFps: per(counts.to_vm_frames),
    toMbps: per((counts.to_vm_bytes * BITS) / MEGA),
    callsPerS: per(counts.calls),
    dropsPerS: per(totalDrops(counted)),
  }
}
