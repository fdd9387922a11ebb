/** A run in short: what every cell gave, and what is missing. Written by `ringferry lab run --json`. */
import { z } from 'zod'
import { nonNegativeMeanInterval } from '../../stats/interval.js'
import { METRICS } from '../record/metrics.js'
import { factorsSchema } from '../record/record.js'
import type { StudyPlan } from '../study/cell.js'
import { type MainMetric, missingCells, type RunHistory, watchedValue } from './history.js'
import { measuredValue } from './value.js'

export const summarySchema = z.strictObject({
  run: z.string(),
  folder: z.string().meta({ description: 'Where the raw data and the report lie' }),
  study: z.string(),
  guests: z.string(),
  quick: z.boolean(),
  seed: z.int(),
  metric: z
    .string()
    .meta({ description: 'What the study watches; a cell without it shows its own main metric' }),
  unit: z.string(),
  cells: z.array(
    z.strictObject({
      cell: z.string(),
      factors: factorsSchema,
      metric: z.string().meta({ description: 'What its figures are of' }),
      unit: z.string(),
      rounds: z.int(),
      marked: z.int().meta({ description: 'Rounds before which the machine was not quiet' }),
      mean: z.number().nullable(),
      low: z.number().nullable().meta({ description: '95 % interval of the mean; null for a single round' }),
      high: z.number().nullable(),
    }),
  ),
  missing: z.array(z.strictObject({ cell: z.string(), have: z.int(), reason: z.string() })),
})
export type RunSummary = z.infer<typeof summarySchema>

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

/**
 * What a run has given so far, cell by cell, and what is missing.
 * @param primaryOf the main metric of a workload, shown where a cell has not the study's
 */
export function summariseRun(
  plan: StudyPlan,
  history: RunHistory,
  primaryOf: MainMetric,
  about: Pick<RunSummary, 'run' | 'folder' | 'seed'>,
): RunSummary {
  const { metric } = plan.primary
  return {
    ...about,
    ...{ study: plan.study.name, guests: plan.guests, quick: plan.quick },
    ...{ metric, unit: METRICS[metric].unit },
    cells: plan.cells.map(({ id, factors }) => {
      const rounds = history.before(id, plan.rounds.max)
      const watched = rounds[0] ? watchedValue(plan, rounds[0], primaryOf) : plan.primary
      const values = rounds.flatMap((one) => measuredValue(one, watched) ?? [])
      const { estimate, low, high } = nonNegativeMeanInterval(values)
      const hasBounds = values.length > 1
      return {
        ...{ cell: id, factors, metric: watched.metric, unit: METRICS[watched.metric].unit },
        rounds: rounds.length,
        marked: rounds.filter(({ noise }) => noise.verdict === 'marked').length,
        ...{ mean: finite(estimate), low: hasBounds ? low : null, high: hasBounds ? high : null },
      }
    }),
    missing: missingCells(plan, history),
  }
}

/** The JSON Schema of a summary: docs/schema/lab-summary.schema.json. */
export function summaryJsonSchema(): object {
  return z.toJSONSchema(summarySchema)
}
