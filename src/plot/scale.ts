/** From figures to places on an axis, and the ticks between. */
import type { Axis, ScaleKind } from './chart.js'
import { shortText } from './number-text.js'

export interface Tick {
  readonly value: number
  readonly text: string
}

export interface Scale {
  readonly kind: ScaleKind
  readonly from: number
  readonly to: number
  /** The place of a value, 0 at `from` and 1 at `to`, not clamped; NaN for a value the scale cannot show. */
  readonly place: (value: number) => number
  readonly ticks: readonly Tick[]
}

const MAX_DECADES_WITH_HALVES = 2
/** The least spread of a linear axis, and the least value of a logarithmic one. */
const FINEST = 1e-10
const LEAST_LOG = 1e-300

/** Position on the unbent axis; NaN where a value cannot be shown. */
function unbend(kind: ScaleKind, value: number): number {
  if (kind === 'linear') return value
  if (kind === 'log') return value >= LEAST_LOG ? Math.log10(value) : Number.NaN
  return value >= 0 && value < 100 ? -Math.log10(1 - value / 100) : Number.NaN
}

/** Whether the scale can show the value. */
export function isShowable(kind: ScaleKind, value: number): boolean {
  return Number.isFinite(unbend(kind, value))
}

/** 1, 2 or 5 times a power of ten, at least `raw`. */
function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw))
  const factor = [1, 2, 5, 10].find((one) => one * power >= raw * (1 - 1e-9)) ?? 10
  return factor * power
}

function linearScale(low: number, high: number, count: number): Scale {
  const size = Math.max(Math.abs(low), Math.abs(high))
  // Below this, ticks would not differ in twelve decimals.
  const flat = high - low <= Math.max(size * 1e-9, FINEST)
  // A count that stands alone has whole numbers beside it.
  const whole = flat && Number.isInteger(low)
  const spread = whole ? 2 : flat ? Math.max(size * 0.2, 10 * FINEST) : high - low
  const from0 = flat ? low - spread / 2 : low
  const to0 = flat ? high + spread / 2 : high
  const step = whole ? 1 : niceStep(spread / Math.max(1, count))
  const from = Math.floor(from0 / step + 1e-9) * step
  const to = Math.ceil(to0 / step - 1e-9) * step
  const ticks: Tick[] = []
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))
  // Neighbours must differ in their text: as many digits as the step needs beside the largest value.
  const digits = Math.max(3, Math.ceil(Math.log10(Math.max(Math.abs(from), Math.abs(to)) / step)) + 1)
  const steps = Math.round((to - from) / step)
  for (let i = 0; i <= steps; i++) {
    const value = Number((from + i * step).toFixed(decimals))
    ticks.push({ value, text: shortText(value, Math.min(digits, 12)) })
  }
  return { kind: 'linear', from, to, place: (value) => (value - from) / (to - from), ticks }
}

function bentScale(
  kind: ScaleKind,
  from: number,
  to: number,
  values: readonly number[],
  text: (v: number) => string,
): Scale {
  const start = unbend(kind, from)
  const length = unbend(kind, to) - start || 1
  const ticks = values.map((value) => ({ value, text: text(value) }))
  return { kind, from, to, place: (value) => (unbend(kind, value) - start) / length, ticks }
}

function logScale(low: number, high: number, count: number): Scale {
  const decades = Math.log10(high / low)
  const factors = decades <= MAX_DECADES_WITH_HALVES ? [1, 2, 5] : [1]
  const first = Math.floor(Math.log10(low) + 1e-9)
  const last = Math.ceil(Math.log10(high) - 1e-9)
  const every: number[] = []
  for (let power = first; power <= last; power++) {
    for (const factor of factors) every.push(Number(`${factor}e${power}`))
  }
  if (every.length < 2) every.push(Number(`1e${last + 1}`))
  let from = every.findLast((value) => value <= low * (1 + 1e-9)) ?? every[0]!
  let to = every.find((value) => value >= high * (1 - 1e-9)) ?? every.at(-1)!
  if (from === to) {
    from /= 2
    to *= 2
  }
  const inside = every.filter((value) => value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9))
  const powers = inside.filter((value) => Number.isInteger(Number(Math.log10(value).toFixed(9))))
  const fitting = inside.length > count + 2 && powers.length > 1 ? powers : inside
  const skip = Math.ceil(fitting.length / Math.max(2, count + 1))
  const shown = fitting.filter((_, at) => at % skip === 0)
  return bentScale('log', from, to, shown, (value) => shortText(value, 3))
}

function percentileScale(low: number, high: number): Scale {
  const candidates = [0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999, 99.99999]
  const from = candidates.findLast((value) => value <= low) ?? 0
  const to = candidates.find((value) => value >= high) ?? high
  const shown = candidates.filter((value) => value >= from && value <= to)
  return bentScale('percentile', from, to > from ? to : 90, shown, (value) => String(value))
}

/**
 * The scale for an axis over these values (those it cannot show are passed over), with about `count` ticks.
 * `zero` makes a linear scale reach zero, as bars need it.
 */
export function createScale(axis: Axis, values: readonly number[], count: number, zero = false): Scale {
  const kind = axis.scale ?? 'linear'
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  const bounds = [axis.from, axis.to, zero && kind === 'linear' ? 0 : undefined]
  for (const list of [values, bounds]) {
    for (const value of list) {
      if (value === undefined || !isShowable(kind, value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  if (low > high) [low, high] = kind === 'log' ? [1, 10] : [0, kind === 'linear' ? 1 : 99]
  if (kind === 'percentile') return percentileScale(low, high)
  if (kind === 'log') return logScale(low, high, count)
  if (zero && low === 0 && high === 0) high = 1
  return linearScale(low, high, count)
}
