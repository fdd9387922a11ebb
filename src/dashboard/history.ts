/** What the switch did in each of the last seconds, made of what it told at their ends. */
import type { Live } from './api.js'

const KEPT_SECONDS = 300
const BITS = 8
const MEGA = 1e6
const US_PER_S = 1e6

/** A port in one second; ingress enters the switch from it, egress leaves it by the port. */
export interface PortSecond {
  readonly ingressFps: number
  readonly egressFps: number
  readonly ingressMbps: number
  readonly egressMbps: number
  readonly dropsPerS: number
  readonly drops: Readonly<Record<string, number>>
}

/** A vif in one second. */
export interface VifSecond {
  /** Over the last frames of the second; null without any. */
  readonly p99Us: number | null
  readonly targetUs: number
  /** Share of the engine's core spent on what the guest transmits. */
  readonly servedShare: number
  /** Publications a second, by reason. */
  readonly published: Readonly<Record<string, number>>
}

export interface Second {
  /** Since 1970. */
  readonly timeS: number
  readonly lengthS: number
  /** Share of a core that the engine's thread used. */
  readonly engineShare: number
  readonly budget: number
  readonly ports: ReadonlyMap<string, PortSecond>
  readonly vifs: ReadonlyMap<string, VifSecond>
}

type Counts = Readonly<Record<string, number | undefined>>

/** Counts a second between two readings; one that went back has begun again. */
function perSecond(now: Counts, before: Counts, seconds: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now).map(([name, value = 0]) => [
      name,
      Math.max(0, value - (before[name] ?? 0)) / seconds,
    ]),
  )
}

const sum = (counts: Counts): number => Object.values(counts).reduce<number>((all, each = 0) => all + each, 0)

/** The second between two readings. Ports and vifs that were not there before are left out. */
export function secondOf(now: Live, before: Live): Second {
  const lengthS = Math.max(1e-3, now.clockS - before.clockS)
  const statsBefore = new Map(before.stats.map((each) => [each.name, each]))
  const vifsBefore = new Map(before.tuning.vifs.map((each) => [each.name, each]))
  const ports = now.stats.flatMap(({ name, counters, drops }): [string, PortSecond][] => {
    const old = statsBefore.get(name)
    if (!old) return []
    const rates = perSecond(counters, old.counters, lengthS)
    const dropRates = perSecond(drops, old.drops, lengthS)
    const { ingress_frames = 0, egress_frames = 0, ingress_bytes = 0, egress_bytes = 0 } = rates
    return [
      [
        name,
        {
          ingressFps: ingress_frames,
          egressFps: egress_frames,
          ingressMbps: (ingress_bytes * BITS) / MEGA,
          egressMbps: (egress_bytes * BITS) / MEGA,
          dropsPerS: sum(dropRates),
          drops: dropRates,
        },
      ],
    ]
  })
  const vifs = now.tuning.vifs.flatMap((vif): [string, VifSecond][] => {
    const old = vifsBefore.get(vif.name)
    if (!old) return []
    return [
      [
        vif.name,
        {
          p99Us: vif.p99.totalUs,
          targetUs: vif.targetUs,
          servedShare: Math.max(0, vif.servedUs - old.servedUs) / US_PER_S / lengthS,
          published: perSecond(vif.published, old.published, lengthS),
        },
      ],
    ]
  })
  return {
    timeS: Date.parse(now.time) / 1000,
    lengthS,
    engineShare: Math.max(0, now.status.engineCpuS - before.status.engineCpuS) / lengthS,
    budget: now.status.budget,
    ports: new Map(ports),
    vifs: new Map(vifs),
  }
}

/** The last five minutes. */
export class History {
  readonly #seconds: Second[] = []
  #before: Live | undefined

  /** Oldest first. */
  get seconds(): readonly Second[] {
    return this.#seconds
  }

  take(live: Live): void {
    const before = this.#before
    this.#before = live
    // Of another process nothing can be subtracted.
    if (before?.status.startedAt !== live.status.startedAt) {
      this.#seconds.length = 0
      return
    }
    if (live.clockS <= before.clockS) return
    this.#seconds.push(secondOf(live, before))
    if (this.#seconds.length > KEPT_SECONDS) this.#seconds.shift()
  }
}

/** The mean of what the last seconds say; 0 without any. */
export function recent(seconds: readonly Second[], count: number, read: (second: Second) => number): number {
  const last = seconds.slice(-count)
  return last.length === 0 ? 0 : last.reduce((all, second) => all + read(second), 0) / last.length
}
