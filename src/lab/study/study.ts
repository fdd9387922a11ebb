/**
 * A study, as its YAML file says it: a question, cells to measure, rules for repeating, and a report.
 *
 *   cells  a list of groups; a group is a cross product of factors and a template of bed and workloads in which
 *          "$name" stands for a factor's value (a string that is nothing else keeps the value's type)
 *   vms    a list of VMs, or {count, kind, name, ...} for vm1, vm2, ...; "$guests" is the kind of guests asked for
 *   vm     of a workload: a name, or "each": one workload for every VM of the list whose name begins with `each`
 *
 * Shipped studies: studies/NAME.yaml at the top of the project.
 * Published schema: docs/schema/study.schema.json.
 */
import { z } from 'zod'
import { STUDY_KINDS } from '../guest/spec.js'
import { METRIC_NAMES, type MetricName } from '../record/metrics.js'
import { factorsSchema } from '../record/record.js'

const metricName = z.enum(METRIC_NAMES as [MetricName, ...MetricName[]])
const factorList = z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)

const windowFields = { warmUpS: z.number().min(0), measureS: z.number().positive() }

export const windowSchema = z.strictObject({
  warmUpS: windowFields.warmUpS.default(1),
  measureS: windowFields.measureS.default(4),
})

const roundsFields = { min: z.int().min(1), max: z.int().min(1), halfWidth: z.number().positive() }

export const roundsSchema = z.strictObject({
  min: roundsFields.min.default(3),
  max: roundsFields.max.default(8),
  /** A cell is done when half its 95 % interval is at most this share of the value, for its primary metric. */
  halfWidth: roundsFields.halfWidth.default(0.1),
})

// What changes a window or rounds has no defaults: what it does not name stays as it is.
const windowChange = z.strictObject(windowFields).partial()
const roundsChange = z.strictObject(roundsFields).partial()

/** Where a number comes from: a workload of the cell by its label (default: all summed or averaged), or the cell. */
export const valueSchema = z.strictObject({
  metric: metricName,
  /** Label of the workload; without it the cell's own metric, or else all workloads that have it. */
  of: z.string().optional(),
  /** How several workloads become one number. Default sum for rates, max for delays. */
  over: z.enum(['sum', 'mean', 'max', 'min', 'jain']).optional(),
})
export type Value = z.infer<typeof valueSchema>

export const workloadUseSchema = z.strictObject({
  run: z.string(),
  /** Default: the name of the workload; must be unique in a cell ("each" adds the VM's name). */
  label: z.string().optional(),
  vm: z.string(),
  peer: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
})

export const groupSchema = z.strictObject({
  factors: z.record(z.string(), factorList).default({}),
  /** Combinations that are left out: a combination that has all values of an entry. */
  skip: z.array(factorsSchema).default([]),
  /** With placeholders; checked after they are filled in (bed.ts). */
  bed: z.record(z.string(), z.unknown()),
  workloads: z.array(z.record(z.string(), z.unknown())).min(1),
  window: windowChange.optional(),
})

/**
 * A colocation group: every workload alone, and every pair on one machine, each member measured in the same
 * window (a pair gives both ordered entries of the interference matrix). Factors: victim, aggressor ("none" when
 * alone), isolation. The victim's workload has the label "victim", the other "aggressor".
 */
export const colocateSchema = z.strictObject({
  /** In the workloads of `loads` the VM is "$vm" and the peer "$peer". */
  loads: z.record(z.string(), z.record(z.string(), z.unknown())),
  bed: z.record(z.string(), z.unknown()),
  isolation: z.array(z.boolean()).min(1).default([true, false]),
})

const where = factorsSchema.optional()

export const figureSchema = z.discriminatedUnion('figure', [
  /** One bar for each x and series with its interval; `relativeTo`: values as ratios of the cells of these factors. */
  z.strictObject({
    figure: z.literal('bars'),
    title: z.string(),
    value: valueSchema,
    x: z.string(),
    series: z.string().optional(),
    where,
    relativeTo: where,
    /** A line across the bars, e.g. a target. */
    level: z.strictObject({ value: z.number(), label: z.string() }).optional(),
    /** Published figures beside ours, by x then series, with their source. */
    published: z
      .strictObject({ source: z.string(), values: z.record(z.string(), z.record(z.string(), z.number())) })
      .optional(),
  }),
  z.strictObject({
    figure: z.literal('lines'),
    title: z.string(),
    value: valueSchema,
    x: z.string(),
    series: z.string().optional(),
    where,
    logX: z.boolean().default(false),
    logY: z.boolean().default(false),
  }),
  /** One value against another, a point a cell, the Pareto front drawn; `mark`: the points of these factors stand out. */
  z.strictObject({
    figure: z.literal('frontier'),
    title: z.string(),
    x: valueSchema,
    y: valueSchema,
    /** Size of the points. */
    size: valueSchema.optional(),
    series: z.string().optional(),
    label: z.string(),
    where,
    mark: where,
  }),
  /** Victim x aggressor: each entry is the value together over the value alone. */
  z.strictObject({
    figure: z.literal('matrix'),
    title: z.string(),
    /** By workload name; default: its primary metric. */
    values: z.record(z.string(), metricName).default({}),
    where,
    combined: z.boolean().default(false),
  }),
  /** A series of the raw data (e.g. delay percentiles), one line for each value of a factor. */
  z.strictObject({
    figure: z.literal('series'),
    title: z.string(),
    of: z.string(),
    name: z.string(),
    series: z.string(),
    xLabel: z.string(),
    yLabel: z.string(),
    where,
    logX: z.boolean().default(false),
    logY: z.boolean().default(false),
  }),
  /** How many of all frames, or requests, were there within which delay: one line for each value of a factor. */
  z.strictObject({
    figure: z.literal('cdf'),
    title: z.string(),
    /** Label of the workload, which must draw the series `percentiles`. */
    of: z.string(),
    series: z.string(),
    where,
  }),
  /** Cells as rows, values as columns. */
  z.strictObject({ figure: z.literal('table'), title: z.string(), columns: z.array(valueSchema), where }),
  /** One value of a factor against the best of its others in each place, by the first column; ratios and aims. */
  z.strictObject({
    figure: z.literal('against'),
    title: z.string(),
    factor: z.string(),
    one: z.union([z.string(), z.number(), z.boolean()]),
    columns: z
      .array(
        z.strictObject({
          value: valueSchema,
          aim: z
            .strictObject({ atLeast: z.number().positive(), atMost: z.number().positive() })
            .partial()
            .refine((aim) => aim.atLeast !== undefined || aim.atMost !== undefined, {
              message: 'an aim is atLeast or atMost',
            })
            .optional(),
        }),
      )
      .min(1),
    /** Only cells whose factors have one of these values. */
    only: z.record(z.string(), factorList).default({}),
  }),
  /** Features of all cells, k-medoids, silhouette and coverage. */
  z.strictObject({
    figure: z.literal('clusters'),
    title: z.string(),
    features: z.array(metricName).min(2),
    maxClusters: z.int().min(2).default(8),
  }),
])
export type Figure = z.infer<typeof figureSchema>

/** A figure of one cell in a sentence; `relativeTo`: as a ratio to the cell with these factors that else agrees. */
export const answerValueSchema = z.strictObject({
  ...valueSchema.shape,
  where: factorsSchema,
  relativeTo: where,
  /** plain: with the unit of the metric; number: without. */
  as: z.enum(['plain', 'number', 'percent', 'times']).default('plain'),
})
export type AnswerValue = z.infer<typeof answerValueSchema>

/** A sentence of the answer: "{name}" stands for a value with its interval. */
const answerSchema = z.strictObject({
  text: z.string(),
  values: z.record(z.string().regex(/^[a-zA-Z0-9_]+$/), answerValueSchema).default({}),
})

export const studySchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]+$/, 'a name has lower-case letters, digits and "-"'),
    title: z.string(),
    question: z.string(),
    /** How it is measured, in a few sentences. */
    method: z.string(),
    /** What the reader may not conclude. */
    notConclude: z.array(z.string()).min(1),
    guests: z.enum(['best', ...STUDY_KINDS]).default('best'),
    window: windowSchema.prefault({}),
    rounds: roundsSchema.prefault({}),
    /** What the rule for repeating watches. */
    primary: valueSchema,
    /** A cell that is measured twice in each round, as if it were two: what differs is the noise. */
    aa: factorsSchema.optional(),
    /** What --quick changes. */
    quick: z
      .strictObject({
        window: windowChange.default({}),
        rounds: roundsChange.default({}),
        /** Only cells whose factors have one of these values. */
        only: z.record(z.string(), factorList).default({}),
      })
      .prefault({}),
    cells: z.array(groupSchema).default([]),
    colocate: colocateSchema.optional(),
    answer: z.array(answerSchema).default([]),
    report: z.array(figureSchema).min(1),
  })
  .refine((study) => study.cells.length > 0 || study.colocate !== undefined, {
    message: 'a study needs cells or colocate',
  })
export type Study = z.infer<typeof studySchema>
