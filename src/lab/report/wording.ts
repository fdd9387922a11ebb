/** How figures and metrics are worded in a report: one place for digits, units and names. */
import { exactText } from '../../plot/number-text.js'
import type { Estimate } from '../analysis/estimate.js'
import { METRICS, type MetricName } from '../record/metrics.js'
import type { Factors } from '../record/record.js'
import type { Value } from '../study/study.js'

export interface Measure {
  readonly label: string
  /** Empty: none (a ratio, an index). */
  readonly unit: string
  readonly better: 'higher' | 'lower' | 'none'
}

/** A value of a study as an axis or a column is headed. */
export function measureOf({ metric, of, over }: Value): Measure {
  const { label, unit, better } = METRICS[metric]
  const whose = of === undefined ? '' : ` of ${of}`
  if (over === 'jain') return { label: `Jain's index of ${label}${whose}`, unit: '', better: 'higher' }
  return { label: `${label}${whose}${over === undefined ? '' : ` (${over})`}`, unit, better }
}

/** The share of a measure that cells have of another one. */
export function ratioMeasure(value: Value, relativeTo: Factors): Measure {
  const { label, better } = measureOf(value)
  return { label: `${label}, ratio to ${factorsText(relativeTo)}`, unit: '', better }
}

/** "label (unit)". */
export function headText({ label, unit }: Measure): string {
  return unit === '' ? label : `${label} (${unit})`
}

/** "policy natural, vms 4"; "all" for none. */
export function factorsText(factors: Factors): string {
  const parts = Object.entries(factors).map(([name, value]) => `${name} ${value}`)
  return parts.length === 0 ? 'all' : parts.join(', ')
}

/** A value of a factor where its name is not beside it, as in a legend: "true" alone says nothing. */
export function factorValueText(factor: string | undefined, value: string): string {
  if (factor === undefined || (value !== 'true' && value !== 'false')) return value
  return `${factor}: ${value === 'true' ? 'yes' : 'no'}`
}

/** Digits of a value that has no interval, and the most of one that has. */
const DIGITS = 3

/** The place of the last digit worth showing: the second of half the interval, and never beyond the third of the value. */
export function lastPlace({ value, low, high }: Estimate): number {
  const size = Math.floor(Math.log10(Math.abs(value) || 1))
  const byValue = size - (DIGITS - 1)
  if (low === undefined || high === undefined || !(high > low)) return byValue
  return Math.max(byValue, Math.min(size, Math.floor(Math.log10((high - low) / 2)) - 1))
}

/** A number with its last digit at a place: 1234 at place 2 is "1200". */
export function rounded(value: number, place: number): string {
  // Dividing by a whole power of ten is exact where multiplying by a fraction is not.
  const number =
    place < 0
      ? Math.round(value * 10 ** -place) / 10 ** -place
      : Math.round(value / 10 ** place) * 10 ** place
  return exactText(number)
}

/** The value of a figure, with as many digits as its interval bears. */
export function valueText(estimate: Estimate): string {
  return rounded(estimate.value, lastPlace(estimate))
}

/** The interval of a figure: "11 to 13", or why there is none. */
export function intervalText(estimate: Estimate | undefined): string {
  if (!estimate) return '–'
  const { low, high, n } = estimate
  if (low !== undefined && high !== undefined) {
    const place = lastPlace(estimate)
    return `${rounded(low, place)} to ${rounded(high, place)}`
  }
  return n < 2 ? 'none (one run)' : 'none'
}

/** A figure with its interval in one field: "12 (11 to 13)"; a dash for none. */
export function estimateText(estimate: Estimate | undefined): string {
  if (!estimate) return '–'
  const { low, high } = estimate
  const bounds = low !== undefined && high !== undefined
  return bounds ? `${valueText(estimate)} (${intervalText(estimate)})` : valueText(estimate)
}

/** A share as percent: 0.0312 is "3.1 %". */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toPrecision(2)} %`
}

/** The name of a metric as a row of features is headed. */
export const metricHead = (metric: MetricName): string => headText(measureOf({ metric }))

/** "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
