/**
 * Threads that nobody named take processors from time to time: how often and for how long is seen in the tail of delays. With
 * stretches that begin as a Poisson process of rate r and last exponentially with mean m, a frame that crosses c processors waits
 * longer than d with probability
 *
 *     P(D > d) = c r m exp(-d / m)
 *
 * beside what it takes anyway: a straight line in the logarithm, from which both follow. Cells tell whose frames find room in the
 * rings all the while (others lose the tail), and whose load is light: in others switch and receiver wait for each other.
 */
import type { Measurement } from '../../lab/record/record.js'
import { VM_DEFAULTS } from '../../sim/model.js'
import type { Interval } from '../../stats/interval.js'
import { mean } from '../../stats/summary.js'
import { drawAgain } from './fit-curves.js'
import type { MeasuredCell } from './run-cells.js'
import { isLight } from './work.js'

/** Beyond the median, in microseconds: where the shares of late frames are compared. */
const TRIED_US = [300, 500, 1000, 1500, 2000, 3000] as const
/** The longest wait that rings have to bear, in seconds. */
const LONGEST_S = 0.005
/** Shares below it come from single frames. */
const LEAST_SHARE = 1e-4
/** Loss that a tail bears. */
const LOSS = 0.001

export interface OthersFit {
  readonly perS: Interval
  readonly meanUs: Interval
  readonly cells: number
}

interface Tail {
  readonly processors: number
  /** Shares of frames that were later, by TRIED_US. */
  readonly shares: readonly number[]
}

type Percentiles = readonly (readonly [number, number])[]

/** Share of frames that took longer, from percentiles; between two of them the logarithm is linear in time. */
export function shareBeyond(percentiles: Percentiles, us: number): number {
  const at = percentiles.findIndex(([, each]) => each > us)
  if (at < 0) return 0
  const [percent, toUs] = percentiles[at]!
  const [before, fromUs] = percentiles[at - 1] ?? [0, 0]
  const part = (us - fromUs) / (toUs - fromUs)
  const [from, to] = [1 - before / 100, Math.max(LEAST_SHARE, 1 - percent / 100)]
  return from * (to / from) ** part
}

function tailOf(measured: MeasuredCell): Tail[] {
  const { cell, measurements } = measured
  const [use] = cell.uses
  const rateFps = Number(use?.settings.rateFps)
  const { policy, cpu } = cell.bed.switch
  const isQuiet =
    cell.uses.length === 1 &&
    policy !== 'adaptive' &&
    isLight(measured) &&
    rateFps > 0 &&
    rateFps * LONGEST_S <= VM_DEFAULTS.ringFrames
  const told = measurements.flatMap((each: Measurement) => {
    const { metrics, series } = each.workloads[0]!
    return (metrics.lossRatio ?? 0) < LOSS && series?.percentiles ? [series.percentiles] : []
  })
  if (!isQuiet || cpu === undefined || told.length === 0) return []
  const medianOf = (percentiles: Percentiles): number =>
    percentiles.find(([percent]) => percent >= 50)?.[1] ?? 0
  return [
    {
      processors: new Set([cpu, ...cell.bed.vms.flatMap((vm) => vm.cpu ?? [])]).size,
      // The mean of logarithms: one bad round must not stand for all.
      shares: TRIED_US.map((us) =>
        Math.exp(
          mean(told.map((each) => Math.log(Math.max(LEAST_SHARE, shareBeyond(each, medianOf(each) + us))))),
        ),
      ),
    },
  ]
}

/** The line through the logarithms of mean shares; NaN: too few of them. */
function lineOf(tails: readonly Tail[]): { perS: number; meanUs: number } {
  const points = TRIED_US.flatMap((us, at): [number, number][] => {
    const log = mean(tails.map(({ shares, processors }) => Math.log(shares[at]! / processors)))
    return log > Math.log(LEAST_SHARE) ? [[us, log]] : []
  })
  if (points.length < 3) return { perS: Number.NaN, meanUs: Number.NaN }
  const [x, y] = [mean(points.map(([us]) => us)), mean(points.map(([, log]) => log))]
  const slope =
    points.reduce((sum, [us, log]) => sum + (us - x) * (log - y), 0) /
    points.reduce((sum, [us]) => sum + (us - x) ** 2, 0)
  if (!(slope < 0)) return { perS: Number.NaN, meanUs: Number.NaN }
  const meanUs = -1 / slope
  return { perS: (Math.exp(y - slope * x) / meanUs) * 1e6, meanUs }
}

/** Undefined: no cell tells, or no tail is to be seen. */
export function fitOthers(all: readonly MeasuredCell[]): OthersFit | undefined {
  const tails = all.flatMap(tailOf)
  if (tails.length === 0 || Number.isNaN(lineOf(tails).perS)) return undefined
  return {
    perS: drawAgain(tails, (drawn) => lineOf(drawn).perS),
    meanUs: drawAgain(tails, (drawn) => lineOf(drawn).meanUs),
    cells: tails.length,
  }
}
