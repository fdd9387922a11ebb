/**
 * The answer of a report: the study's sentences with the figures of the run put in. A figure reads
 * "56 % [45, 69]": the value and its 95 % interval, with as many digits as the interval bears.
 */
import type { Estimate } from '../analysis/estimate.js'
import { cellSummary, cellsWhere, type RunCell, relativeTo } from '../analysis/run-cells.js'
import { METRICS } from '../record/metrics.js'
import type { AnswerValue, Study } from '../study/study.js'
import { lastPlace, rounded } from './wording.js'

const PLACEHOLDER = /\{([a-zA-Z0-9_]+)\}/g

const SCALE = { percent: 100, times: 1, plain: 1, number: 1 } as const

/** "56 % [45, 69]"; "56 % [one run]" where nothing says how far it may be off. */
export function figureText(estimate: Estimate, as: keyof typeof SCALE, unit = ''): string {
  const factor = SCALE[as]
  const scaled = {
    ...{ n: estimate.n, value: estimate.value * factor },
    ...(estimate.low === undefined ? {} : { low: estimate.low * factor }),
    ...(estimate.high === undefined ? {} : { high: estimate.high * factor }),
  }
  const place = lastPlace(scaled)
  const { low, high, n } = scaled
  const suffix =
    as === 'percent' ? ' %' : as === 'times' ? ' times' : as === 'number' || unit === '' ? '' : ` ${unit}`
  const bounds =
    low !== undefined && high !== undefined
      ? ` [${rounded(low, place)}, ${rounded(high, place)}]`
      : n === 1
        ? ' [one run]'
        : ''
  return `${rounded(scaled.value, place)}${suffix}${bounds}`
}

/** The text of a value; undefined: the run did not plan its cell. */
function valueText(cells: readonly RunCell[], value: AnswerValue): string | undefined {
  const [cell] = cellsWhere(cells, value.where)
  if (!cell) return undefined
  const estimate =
    value.relativeTo === undefined
      ? cellSummary(cell, value)
      : relativeTo(cells, cell, value, value.relativeTo)
  if (!estimate) return '(not measured)'
  return figureText(estimate, value.as, METRICS[value.metric].unit)
}

/** The sentences of a study for a run. One whose cells a quick run leaves out is left out with them. */
export function answerOf(study: Study, cells: readonly RunCell[]): string[] {
  return study.answer.flatMap(({ text, values }) => {
    const texts = new Map(Object.entries(values).map(([name, value]) => [name, valueText(cells, value)]))
    if ([...texts.values()].includes(undefined)) return []
    return [text.replace(PLACEHOLDER, (_, name: string) => texts.get(name) ?? '')]
  })
}
