/** The frontier in sentences, made of its figures. */
import { median } from '../../stats/summary.js'
import { CARRIED_FPS, TARGET_US, VMS } from './grid.js'
import { type FrontierPoint, type Hold, nameOf, ratioOf } from './outcome.js'

const digits = (value: number, count = 2): string => Number(value.toPrecision(count)).toString()

function range(values: readonly number[]): string {
  return `${digits(median(values))} (${digits(Math.min(...values))} to ${digits(Math.max(...values))})`
}

function modelWords(points: readonly FrontierPoint[]): string[] {
  const fixed = points.filter(({ load, policy }) => load === 'carried' && policy === 'fixed')
  if (fixed.length === 0) return []
  const ratios = (figure: keyof Hold): number[] => fixed.map((point) => ratioOf(point, figure))
  const far = fixed.reduce((a, b) =>
    Math.abs(Math.log(ratioOf(b, 'batchFrames'))) > Math.abs(Math.log(ratioOf(a, 'batchFrames'))) ? b : a,
  )
  return [
    `Over ${fixed.length} settings of hold and size the simulated batch is ${range(ratios('batchFrames'))} times the analytic model's, the mean hold ${range(ratios('meanUs'))}, its p99 ${range(ratios('p99Us'))}: median and range; the batch is furthest off at ${far.holdUs} us and ${far.maxFrames} frames.`,
  ]
}

/** The cheapest fixed setting that delays no longer than a point. */
function rival(point: FrontierPoint, fixed: readonly FrontierPoint[]): FrontierPoint | undefined {
  const value = (each: FrontierPoint): number =>
    point.load === 'carried' ? each.fpsPerProcessor : each.carriedFps.estimate
  return fixed
    .filter(({ p99Us }) => p99Us <= point.p99Us)
    .reduce<FrontierPoint | undefined>(
      (best, each) => (best && value(best) >= value(each) ? best : each),
      undefined,
    )
}

function tunerWords(points: readonly FrontierPoint[]): string[] {
  const carried = points.filter(({ load }) => load === 'carried')
  const fixed = carried.filter(({ policy }) => policy === 'fixed')
  const natural = carried.find(({ policy }) => policy === 'natural')
  if (!natural) return []
  const chosen = carried.filter(({ policy }) => policy === 'adaptive')
  const parts = chosen.map(
    ({ budget, cpu, p99Us }) => `budget ${budget}: ${digits(cpu)} of a processor, ${digits(p99Us)} us`,
  )
  const beaten = chosen.flatMap((point) => {
    const best = rival(point, fixed)
    if (!best) return []
    const times = digits(point.fpsPerProcessor / best.fpsPerProcessor)
    return [`${times} (budget ${point.budget}; ${nameOf(best)})`]
  })
  const against =
    beaten.length === 0
      ? 'No fixed setting of hold and size is as quick as any of these.'
      : `For each unit of processor time it carries so many times as many frames as the best fixed setting that is as quick: ${beaten.join(', ')}.${beaten.length < chosen.length ? ' With the other budgets no fixed setting is as quick.' : ''}`
  return [
    `${VMS} VMs receive ${CARRIED_FPS} small frames a second each, target ${TARGET_US} us. Without delay (natural) the thread takes ${digits(natural.cpu)} of a processor at a p99 of ${digits(natural.p99Us)} us. The tuner takes no more delay than its budget needs: ${parts.join('; ')}. ${against}`,
  ]
}

function floodWords(points: readonly FrontierPoint[]): string[] {
  const flood = points.filter(({ load }) => load === 'flood')
  const fixed = flood.filter(({ policy }) => policy === 'fixed')
  const tuner = flood.find(({ policy }) => policy === 'adaptive')
  const natural = flood.find(({ policy }) => policy === 'natural')
  if (!tuner || !natural || fixed.length === 0) return []
  const best = fixed.reduce((a, b) => (b.carriedFps.estimate > a.carriedFps.estimate ? b : a))
  const mega = (point: FrontierPoint): string => digits(point.carriedFps.estimate / 1e6)
  return [
    `Offered more than it carries, the thread carries ${mega(tuner)} million frames/s under adaptive at a p99 of ${digits(tuner.p99Us)} us, ${mega(natural)} under natural, and ${mega(best)} with the best fixed setting (${nameOf(best)}) at ${digits(best.p99Us)} us.`,
  ]
}

/** All sentences. */
export function frontierAnswer(points: readonly FrontierPoint[]): string[] {
  return [...tunerWords(points), ...floodWords(points), ...modelWords(points)]
}
