/**
 * Domains are read at moments of their own: on a busy emulated processor one answers some tenths of a second after another.
 * What a domain counted between two readings is told as if for the interval between those of the driver domain, so that
 * counts of several domains can be divided by each other. Frames and seconds of the driver domain itself stay as they are.
 */
import type { PortCount } from './bed.js'
import { COUNTED } from './port-count.js'
import type { DomainCount } from './xen-sample.js'

/** A reading of a domain, and what was told of it. */
export interface Reading {
  readonly read: DomainCount
  readonly told: DomainCount
}

/**
 * The next reading, told.
 * @param before the one before it; undefined: this is the first, told as it is
 * @param seconds between the readings of the driver domain
 */
export function alignReading(before: Reading | undefined, read: DomainCount, seconds: number): Reading {
  const own = before ? read.atS - before.read.atS : 0
  if (!before || own <= 0) return { read, told: read }
  const scale = seconds / own
  const grown = (told: number, from: number, to: number): number => told + (to - from) * scale
  const { read: from, told } = before
  const counted = COUNTED.flatMap((name) => {
    const to = read.port[name]
    return to === undefined ? [] : [[name, grown(told.port[name] ?? 0, from.port[name] ?? 0, to)]]
  })
  const drops = Object.entries(read.port.drops ?? {}).map(([name, to]) => [
    name,
    grown(told.port.drops?.[name] ?? 0, from.port.drops?.[name] ?? 0, to),
  ])
  const port: PortCount = { ...Object.fromEntries(counted), drops: Object.fromEntries(drops) }
  return {
    read,
    told: {
      ...read,
      busyS: grown(told.busyS, from.busyS, read.busyS),
      events: grown(told.events, from.events, read.events),
      port,
    },
  }
}
