import { type PortCounters, totalDrops } from '../core/counters.js'

/** What a port carries, per second; ingress: from the port into the switch, egress: to the port. */
export interface PortRates {
  readonly ingressFps: number
  readonly ingressMbps: number
  readonly egressFps: number
  readonly egressMbps: number
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
    ingressFps: per(counts.ingress_frames),
    ingressMbps: per((counts.ingress_bytes * BITS) / MEGA),
    egressFps: per(counts.egress_frames),
    egressMbps: per((counts.egress_bytes * BITS) / MEGA),
    callsPerS: per(counts.calls),
    dropsPerS: per(totalDrops(counted)),
  }
}
