/** A plan for the terminal. */
import { FIGURE_COLUMNS, FIGURE_HEAD, figureRow } from '../plan/evaluation-table.js'
import type { Plan } from '../plan/plan.js'
import { alternativeWords, answer, cautions } from '../plan/words.js'
import { formatTable } from './output.js'

export function planText(plan: Plan, isCalibrated: boolean): string {
  const { question, capacity, asked } = plan
  const { workload, cores, nics, nicGbps, policy } = question
  const about = `${cores} processors, ${nics} x ${nicGbps} Gb/s, ${workload.text} in each VM, policy ${policy.name}`
  const rows = (capacity?.curve ?? [asked]).map(figureRow)
  return [
    about,
    answer(plan).join('\n'),
    formatTable(FIGURE_HEAD, rows, FIGURE_COLUMNS),
    'p99, hold: from arrival at the switch to publication. Brackets: 95 % intervals of replications.',
    capacity ? alternativeWords(capacity).join('\n') : '',
    cautions(question, isCalibrated)
      .map((caution) => `Caution: ${caution}`)
      .join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
