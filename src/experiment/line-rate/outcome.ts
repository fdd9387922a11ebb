/** What the points of the line-rate report came to. */
import type { PolicyName } from '../../aggregation/create.js'
import type { Interval } from '../../stats/interval.js'
import type { SweepLine } from '../sweep-job.js'
import { type LineRateFactors, offeredFps, wireFps } from './grid.js'

/** From this share of its line rate on, a NIC counts as filled: random arrivals leave it empty now and then. */
export const FILLED = 0.97

/** Intervals are those of the mean over replications, 95 %. */
export interface Outcome extends LineRateFactors {
  readonly carriedFps: Interval
  /** Carried, of what the wire could carry. */
  readonly share: number
  /** Gb/s as counted on the wire: with preamble, checksum and gap. */
  readonly wireGbps: Interval
  /** Share of a processor that a thread of the driver domain works. */
  readonly threadCpu: Interval
  /** Frames of a publication, mean of the VMs; null where nothing is published to a VM. */
  readonly batchFrames: number | null
  readonly callsPerFrame: number
  /** p99 from arrival to publication, mean of the VMs; null where there is none. */
  readonly p99Us: number | null
  readonly bottleneck: string
  /** Whether all that was offered is carried. */
  readonly isFilled: boolean
}

function meanOf(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

/** A VM is a bound where its own processor is; which one does not matter. */
const boundOf = (bottleneck: string): string =>
  bottleneck.replace(/^vm .*|^processor .*/, 'VMs').replace(/^nic .*/, 'NIC')

const scaled = ({ estimate, low, high }: Interval, by: number): Interval => ({
  estimate: estimate * by,
  low: low * by,
  high: high * by,
})

const NOTHING: Interval = { estimate: 0, low: 0, high: 0 }

/** What a point came to; undefined: it has no figures. */
function outcomeOf({ factors, summary }: SweepLine): Outcome | undefined {
  const carriedFps = summary?.host.fps
  if (!summary || !carriedFps) return undefined
  const of = factors as unknown as LineRateFactors
  const fullFps = wireFps(of.gbps, of.frameBytes)
  const share = carriedFps.estimate / fullFps
  return {
    ...of,
    carriedFps,
    share,
    wireGbps: scaled(carriedFps, of.gbps / fullFps),
    threadCpu: scaled(summary.host.driverCpu ?? NOTHING, 1 / of.threads),
    batchFrames: meanOf(summary.vms.map(({ figures }) => figures.batchFrames?.estimate)),
    callsPerFrame: summary.host.callsPerFrame?.estimate ?? 0,
    p99Us: meanOf(summary.vms.map(({ figures }) => figures.totalP99Us?.estimate)),
    bottleneck: boundOf(summary.bottleneck),
    isFilled: share >= FILLED && offeredFps(of) >= fullFps,
  }
}

/** Outcomes of all points that have figures. */
export class Outcomes {
  readonly all: readonly Outcome[]

  constructor(lines: readonly SweepLine[]) {
    this.all = lines.flatMap((line) => outcomeOf(line) ?? [])
  }

  /** Those with such factors. */
  of(factors: { readonly [Name in keyof LineRateFactors]?: LineRateFactors[Name] | undefined }): Outcome[] {
    const entries = Object.entries(factors) as [keyof LineRateFactors, unknown][]
    return this.all.filter((outcome) => entries.every(([name, value]) => outcome[name] === value))
  }

  /** Values of a factor that there are, in rising order. */
  values(name: 'gbps' | 'frameBytes' | 'vms' | 'threads'): number[] {
    return [...new Set(this.all.map((outcome) => outcome[name]))].sort((a, b) => a - b)
  }

  get policies(): PolicyName[] {
    return [...new Set(this.all.map(({ policy }) => policy))]
  }
}

/** The one that carries most; undefined of none. */
export function most(outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.reduce<Outcome | undefined>(
    (best, each) => (best && best.carriedFps.estimate >= each.carriedFps.estimate ? best : each),
    undefined,
  )
}

/** The least value of a factor with which a NIC is filled; undefined: with none. */
export function leastFilling(outcomes: readonly Outcome[], name: 'vms' | 'threads'): number | undefined {
  const filling = outcomes.filter(({ isFilled }) => isFilled).map((outcome) => outcome[name])
  return filling.length === 0 ? undefined : Math.min(...filling)
}
