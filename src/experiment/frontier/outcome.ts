/** What the points of the frontier came to, and what the analytic model says of the fixed ones. */
import { holdQuantileUs, meanBatch, meanHoldUs } from '../../aggregation/theory.js'
import type { Interval } from '../../stats/interval.js'
import type { SweepLine } from '../sweep-job.js'
import { CARRIED_FPS, type FrontierFactors } from './grid.js'

const P99 = 0.99

/** Of a batch: frames, and how long they were held. Times in microseconds. */
export interface Hold {
  readonly batchFrames: number
  readonly meanUs: number
  readonly p99Us: number
}

export interface FrontierPoint extends FrontierFactors {
  /** p99 from arrival to publication, mean of the VMs, in microseconds. */
  readonly p99Us: number
  readonly carriedFps: Interval
  /** Frames a second for each processor that the thread works: what it would carry if all were as cheap. */
  readonly fpsPerProcessor: number
  readonly cpu: number
  readonly hold: Hold
}

type Vm = NonNullable<SweepLine['summary']>['vms'][number]

function meanOf(vms: readonly Vm[], figure: string): number {
  const values = vms.flatMap(({ figures }) => figures[figure]?.estimate ?? [])
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Points that have figures. */
export function frontierOutcomes(lines: readonly SweepLine[]): FrontierPoint[] {
  return lines.flatMap(({ factors, summary }) => {
    const fps = summary?.host.fps
    const cpu = summary?.host.driverCpu?.estimate
    if (!summary || !fps || !cpu) return []
    return [
      {
        ...(factors as unknown as FrontierFactors),
        ...{ p99Us: meanOf(summary.vms, 'totalP99Us'), carriedFps: fps, cpu },
        fpsPerProcessor: fps.estimate / cpu,
        hold: {
          batchFrames: meanOf(summary.vms, 'batchFrames'),
          meanUs: meanOf(summary.vms, 'holdMeanUs'),
          p99Us: meanOf(summary.vms, 'holdP99Us'),
        },
      },
    ]
  })
}

/** The analytic model (docs/theory.md) of a fixed setting at the carried load. */
export function predictedHold({ holdUs, maxFrames }: Pick<FrontierFactors, 'holdUs' | 'maxFrames'>): Hold {
  const rate = CARRIED_FPS / 1e6
  return {
    batchFrames: meanBatch(rate, holdUs, maxFrames),
    meanUs: meanHoldUs(rate, holdUs, maxFrames),
    p99Us: holdQuantileUs(rate, holdUs, P99, maxFrames),
  }
}

/** Simulated over predicted. */
export function ratioOf(point: FrontierPoint, figure: keyof Hold): number {
  return point.hold[figure] / predictedHold(point)[figure]
}

/** How a point is called. */
export function nameOf({ policy, holdUs, maxFrames, budget, load }: FrontierPoint): string {
  if (policy === 'fixed') return `${holdUs} us, ${maxFrames}`
  return policy === 'adaptive' && load === 'carried' ? `adaptive ${budget}` : policy
}
