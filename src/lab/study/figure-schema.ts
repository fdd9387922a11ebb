/** The figures of a report, as a study's YAML file declares them. */
import { z } from 'zod'
import { METRIC_NAMES, type MetricName } from '../record/metrics.js'
import { factorsSchema } from '../record/record.js'

const metricName = z
  .enum(METRIC_NAMES as [MetricName, ...MetricName[]])
  .meta({ description: 'A metric of a workload or of the cell' })

/** Values of a factor. */
export const factorList = z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)

/** Where a number comes from: a workload of the cell by its label (default: all summed or averaged), or the cell. */
export const valueSchema = z
  .strictObject({
    metric: metricName,
    of: z.string().optional().meta({
      description:
        "Label of the workload; without it the cell's own metric, or else all workloads that have it",
    }),
    over: z.enum(['sum', 'mean', 'max', 'min', 'jain']).optional().meta({
      description: 'How several workloads become one number. Default: sum for rates, max for delays',
    }),
  })
  .meta({ description: 'A number of a cell' })
export type Value = z.infer<typeof valueSchema>

export const where = factorsSchema
  .optional()
  .meta({ description: 'Only cells whose factors have all these values' })
const title = z.string().meta({ description: 'Heading of the figure' })
const x = z.string().meta({ description: 'The factor along the x axis' })
const series = z
  .string()
  .meta({ description: 'The factor that makes a series, or a line, of each of its values' })
const logX = z.boolean().default(false).meta({ description: 'Whether the x axis is logarithmic' })
const logY = z.boolean().default(false).meta({ description: 'Whether the y axis is logarithmic' })
const kind = <Name extends string>(name: Name, what: string) => z.literal(name).meta({ description: what })

/** Ratios to the cells of these factors. */
export const relativeTo = factorsSchema.optional().meta({
  description: 'Values as ratios to the cell that has these factors and agrees in all others',
})

const bars = z.strictObject({
  figure: kind('bars', 'A bar for each x and series, with its interval'),
  title,
  value: valueSchema,
  x,
  series: series.optional(),
  where,
  relativeTo,
  level: z
    .strictObject({
      value: z.number().meta({ description: 'Where it lies on the axis' }),
      label: z.string().meta({ description: 'What it is, for the legend' }),
    })
    .optional()
    .meta({ description: 'A line across the bars, e.g. a target' }),
  published: z
    .strictObject({
      source: z.string().meta({ description: 'Who published them, and of what' }),
      values: z
        .record(z.string(), z.record(z.string(), z.number()))
        .meta({ description: 'By x, then by series' }),
    })
    .optional()
    .meta({ description: 'Published figures beside ours' }),
})

const lines = z.strictObject({
  figure: kind('lines', 'A line over a numeric factor, with intervals'),
  ...{ title, value: valueSchema, x, series: series.optional(), where, logX, logY },
})

const frontier = z.strictObject({
  figure: kind('frontier', 'One value against another, a point a cell, the best ones joined'),
  title,
  x: valueSchema,
  y: valueSchema,
  size: valueSchema.optional().meta({ description: 'Size of the points' }),
  series: series.optional(),
  label: z.string().meta({ description: 'The factor whose value stands beside a point' }),
  where,
  mark: factorsSchema.optional().meta({ description: 'The points of these factors stand out' }),
})

const matrix = z.strictObject({
  figure: kind('matrix', 'Victim by aggressor: each entry is the value together over the value alone'),
  title,
  values: z
    .record(z.string(), metricName)
    .default({})
    .meta({ description: 'By load or workload; default: its primary metric' }),
  where,
  combined: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether the sum of what both keep is drawn, too' }),
})

const seriesFigure = z.strictObject({
  figure: kind('series', 'A series of the raw data, a line for each value of a factor'),
  title,
  of: z.string().meta({ description: 'Label of the workload' }),
  name: z.string().meta({ description: 'Name of the series; see lab workloads' }),
  series,
  xLabel: z.string().meta({ description: 'Label of the x axis' }),
  yLabel: z.string().meta({ description: 'Label of the y axis' }),
  where,
  logX,
  logY,
})

const cdf = z.strictObject({
  figure: kind('cdf', 'How many of all frames, or requests, were there within which delay'),
  title,
  of: z.string().meta({ description: 'Label of the workload, which must draw the series percentiles' }),
  series,
  where,
})

const table = z.strictObject({
  figure: kind('table', 'Cells as rows, values as columns'),
  title,
  columns: z.array(valueSchema).meta({ description: 'In their order' }),
  where,
})

const aim = z
  .strictObject({
    atLeast: z.number().positive().meta({ description: 'The ratio must not be below' }),
    atMost: z.number().positive().meta({ description: 'The ratio must not be above' }),
  })
  .partial()
  .refine((one) => one.atLeast !== undefined || one.atMost !== undefined, {
    message: 'an aim is atLeast or atMost',
  })
  .optional()
  .meta({ description: 'What the ratio is to reach' })

const against = z.strictObject({
  figure: kind('against', 'One value of a factor against the best of its others, by the first column'),
  title,
  factor: z.string().meta({ description: 'The factor whose values are compared' }),
  one: z.union([z.string(), z.number(), z.boolean()]).meta({ description: 'The value that is compared' }),
  columns: z
    .array(z.strictObject({ value: valueSchema, aim }))
    .min(1)
    .meta({ description: 'Values and their aims' }),
  only: z
    .record(z.string(), factorList)
    .default({})
    .meta({ description: 'Only cells whose factors have one of these values' }),
})

const clusters = z.strictObject({
  figure: kind('clusters', 'Features of all cells, k-medoids, silhouette and coverage'),
  title,
  features: z.array(metricName).min(2).meta({ description: 'Metrics by which cells are grouped' }),
  maxClusters: z.int().min(2).default(8).meta({ description: 'Most groups that are tried' }),
})

export const figureSchema = z
  .discriminatedUnion('figure', [bars, lines, frontier, matrix, seriesFigure, cdf, table, against, clusters])
  .meta({ description: 'A figure of the report' })
export type Figure = z.infer<typeof figureSchema>
