/** Counts of ports of all makes of switches in the one form of a sample. */
import { readFileSync } from 'node:fs'
import type { PortCounters } from '../../core/counters.js'
import type { PortDelays } from '../../core/delays.js'
import type { PortCount } from './bed.js'

/** What a port of Ringferry counted. */
export function portCountOf({ counts, drops }: PortCounters, delays?: PortDelays): PortCount {
  return {
    toVmFrames: counts.egress_frames,
    toVmBytes: counts.egress_bytes,
    fromVmFrames: counts.ingress_frames,
    fromVmBytes: counts.ingress_bytes,
    calls: counts.calls + counts.transmit_calls,
    publications: counts.publishes,
    publishedFrames: counts.published_frames,
    fromVmBursts: counts.polls,
    drops: { ...drops },
    ...(delays ? { delays } : {}),
  }
}

/** The figures of a count that add up. */
export const COUNTED = [
  'toVmFrames',
  'toVmBytes',
  'fromVmFrames',
  'fromVmBytes',
  'calls',
  'publications',
  'publishedFrames',
  'fromVmBursts',
] as const

function addArrays(a: ArrayLike<number>, b: ArrayLike<number>): Uint32Array {
  return Uint32Array.from(a, (value, index) => value + (b[index] ?? 0))
}

/** The sum of two counts of one place: a port that was closed, and the one that follows it. */
export function addCounts(a: PortCount, b: PortCount): PortCount {
  const sum: { [name in (typeof COUNTED)[number]]?: number } = {}
  for (const name of COUNTED)
    if (a[name] !== undefined || b[name] !== undefined) sum[name] = (a[name] ?? 0) + (b[name] ?? 0)
  const drops: Record<string, number> = { ...a.drops }
  for (const [reason, frames] of Object.entries(b.drops ?? {})) drops[reason] = (drops[reason] ?? 0) + frames
  const delays =
    a.delays && b.delays
      ? {
          hold: addArrays(a.delays.hold, b.delays.hold),
          queue: addArrays(a.delays.queue, b.delays.queue),
          total: addArrays(a.delays.total, b.delays.total),
        }
      : (a.delays ?? b.delays)
  return { ...sum, drops, ...(delays ? { delays } : {}) }
}

/**
 * What the kernel counted for a device. Source: proc(5), /proc/net/dev.
 * @param text of /proc/PID/net/dev
 * @param inside the device is the VM's own end: what it receives goes to the VM
 */
export function parseDeviceCount(text: string, device: string, inside: boolean): PortCount {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${device}:`))
  if (line === undefined) return {}
  const fields = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
    .map(Number)
  const [rxBytes = 0, rxFrames = 0, , rxDropped = 0] = fields
  const [txBytes = 0, txFrames = 0, , txDropped = 0] = fields.slice(8)
  const drops = { rx_dropped: rxDropped, tx_dropped: txDropped }
  return inside
    ? { toVmFrames: rxFrames, toVmBytes: rxBytes, fromVmFrames: txFrames, fromVmBytes: txBytes, drops }
    : { toVmFrames: txFrames, toVmBytes: txBytes, fromVmFrames: rxFrames, fromVmBytes: rxBytes, drops }
}

/** The counts of a device in the network namespace of a process; empty when it is not there. */
export function deviceCount(device: string, inside: boolean, pid: number | 'self' = 'self'): PortCount {
  try {
    return parseDeviceCount(readFileSync(`/proc/${pid}/net/dev`, 'utf8'), device, inside)
  } catch {
    return {}
  }
}
