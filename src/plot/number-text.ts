/** Figures as text: short on axes, exact enough in tables. No locale, so that every machine prints the same. */
import type { Amount } from './chart.js'

/** A number that was measured, or undefined. */
export function finite(value: number | null | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** What is drawn of an amount; bounds that are absent or not finite are undefined, and lie in order. */
export interface Figure {
  readonly value: number
  readonly low: number | undefined
  readonly high: number | undefined
}

/** The figure in an amount, or undefined when it was not measured. */
export function figureOf(amount: Amount): Figure | undefined {
  const interval = typeof amount === 'object' && amount !== null ? amount : { value: amount }
  const value = finite(interval.value)
  if (value === undefined) return undefined
  const low = 'low' in interval ? finite(interval.low) : undefined
  const high = 'high' in interval ? finite(interval.high) : undefined
  const swapped = low !== undefined && high !== undefined && low > high
  return swapped ? { value, low: high, high: low } : { value, low, high }
}

function plain(value: number, digits: number): string {
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size >= 1e15 || size < 1e-6) return value.toExponential(digits - 1).replace(/\.?0+e/, 'e')
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)))
  const fixed = value.toFixed(Math.min(12, decimals))
  return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed
}

/** A figure for tables: four significant digits, whole numbers in full, thousands apart by a thin space. */
export function exactText(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const text = plain(value, 4).replace('-', '−')
  const [whole, rest] = text.split('.')
  if (text.includes('e')) return text
  const apart = whole!.length > 4 ? whole!.replace(/(\d)(?=(\d{3})+$)/g, '$1\u202f') : whole!
  return rest === undefined ? apart : `${apart}.${rest}`
}

/** An amount for tables: `value (low to high)`, or a dash when it was not measured. */
export function amountText(amount: Amount): string {
  const figure = figureOf(amount)
  if (!figure) return '–'
  const value = exactText(figure.value)
  if (figure.low === undefined && figure.high === undefined) return value
  const low = figure.low === undefined ? '?' : exactText(figure.low)
  const high = figure.high === undefined ? '?' : exactText(figure.high)
  return `${value} (${low} to ${high})`
}

const PREFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

/** A figure for axes and marks, `digits` significant ones: `9.4k`, `120M`, `0.05`. */
export function shortText(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  // 1 to 9999 are shorter in full than they are clear with a prefix.
  const prefix = size >= 1e4 && size < 1e15 ? PREFIXES.find(([unit]) => size >= unit) : undefined
  const text = prefix ? plain(value / prefix[0], digits) + prefix[1] : plain(value, digits)
  return text.replace('-', '−')
}
