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
import { factorsSchema } from '../record/record.js'
import { factorList, figureSchema, relativeTo, valueSchema } from './figure-schema.js'

export { type Figure, figureSchema, type Value, valueSchema } from './figure-schema.js'

const windowFields = {
  warmUpS: z.number().min(0).meta({ description: 'Seconds of load that are not measured' }),
  measureS: z.number().positive().meta({ description: 'Seconds that are measured' }),
}

export const windowSchema = z.strictObject({
  warmUpS: windowFields.warmUpS.default(1),
  measureS: windowFields.measureS.default(4),
})

const roundsFields = {
  min: z.int().min(1).meta({ description: 'Every cell is measured at least so often' }),
  max: z.int().min(1).meta({ description: 'And at most so often' }),
  halfWidth: z.number().positive().meta({
    description:
      'A cell is done when half its 95 % interval is at most this share of the value, for its primary metric',
  }),
}

export const roundsSchema = z.strictObject({
  min: roundsFields.min.default(3),
  max: roundsFields.max.default(8),
  halfWidth: roundsFields.halfWidth.default(0.1),
})

// What changes a window or rounds has no defaults: what it does not name stays as it is.
const windowChange = z.strictObject(windowFields).partial()
const roundsChange = z.strictObject(roundsFields).partial()

export const workloadUseSchema = z.strictObject({
  run: z.string().meta({ description: 'Name of the workload; see lab workloads' }),
  label: z.string().optional().meta({
    description:
      'Its name in figures. Default: that of the workload; must be unique in a cell ("vm: each" adds the VM\'s name)',
  }),
  vm: z
    .string()
    .meta({ description: 'The VM that is measured; each: one workload for every VM of a kind of name' }),
  peer: z.string().optional().meta({ description: 'The VM at the other end' }),
  settings: z.record(z.string(), z.unknown()).default({}).meta({ description: 'See lab workloads' }),
})

const bed = z
  .record(z.string(), z.unknown())
  .meta({ description: 'The switch and its VMs; "$name" stands for the value of a factor' })

export const groupSchema = z.strictObject({
  factors: z
    .record(z.string(), factorList)
    .default({})
    .meta({ description: 'Every combination of their values is a cell' }),
  skip: z
    .array(factorsSchema)
    .default([])
    .meta({ description: 'Combinations that are left out: those that have all values of an entry' }),
  bed,
  workloads: z
    .array(z.record(z.string(), z.unknown()))
    .min(1)
    .meta({ description: 'All run in the same window' }),
  window: windowChange.optional().meta({ description: "In place of the study's" }),
})

/**
 * A colocation group: every workload alone, and every pair on one machine, each member measured in the same
 * window (a pair gives both ordered entries of the interference matrix). Factors: victim, aggressor ("none" when
 * alone), isolation. The victim's workload has the label "victim", the other "aggressor".
 */
export const colocateSchema = z.strictObject({
  loads: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .meta({ description: 'Workloads by name; their VM is "$vm" and their peer "$peer"' }),
  bed,
  isolation: z
    .array(z.boolean())
    .min(1)
    .default([true, false])
    .meta({ description: 'Whether the switch isolates VMs: a factor' }),
})

/** A figure of one cell in a sentence. */
export const answerValueSchema = z.strictObject({
  ...valueSchema.shape,
  where: factorsSchema.meta({ description: 'The factors of the one cell that it is of' }),
  relativeTo,
  as: z.enum(['plain', 'number', 'percent', 'times']).default('plain').meta({
    description: 'plain: with the unit of the metric; number: without; percent and times: of a ratio',
  }),
})
export type AnswerValue = z.infer<typeof answerValueSchema>

const answerSchema = z.strictObject({
  text: z.string().meta({ description: 'A sentence; "{name}" stands for a value with its interval' }),
  values: z
    .record(z.string().regex(/^[a-zA-Z0-9_]+$/), answerValueSchema)
    .default({})
    .meta({ description: 'By the name that the sentence has in braces' }),
})

export const studySchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9-]+$/, 'a name has lower-case letters, digits and "-"')
      .meta({ description: 'Short, for folders and commands' }),
    title: z.string().meta({ description: 'Heading of the report' }),
    question: z.string().meta({ description: 'What is asked' }),
    method: z.string().meta({ description: 'How it is measured, in a few sentences' }),
    notConclude: z.array(z.string()).min(1).meta({ description: 'What the reader may not conclude' }),
    takesMin: z.number().positive().optional().meta({
      description: 'About how many minutes it takes at full length, with the guests it is for',
    }),
    guests: z
      .enum(['best', ...STUDY_KINDS])
      .default('best')
      .meta({ description: 'What $guests stands for; best: the best kind that the machine has' }),
    window: windowSchema.prefault({}).meta({ description: 'The window of every cell' }),
    rounds: roundsSchema.prefault({}).meta({ description: 'How often a cell is measured' }),
    primary: valueSchema.meta({ description: 'What the rule for repeating watches' }),
    aa: factorsSchema.optional().meta({
      description:
        'A cell that is measured twice in each round, as if it were two: what differs is the noise',
    }),
    quick: z
      .strictObject({
        window: windowChange.default({}).meta({ description: "In place of the study's and the groups'" }),
        rounds: roundsChange.default({}).meta({ description: "In place of the study's" }),
        only: z
          .record(z.string(), factorList)
          .default({})
          .meta({ description: 'Only cells whose factors have one of these values, or have not the factor' }),
      })
      .prefault({})
      .meta({ description: 'What --quick changes' }),
    cells: z.array(groupSchema).default([]).meta({ description: 'Groups of cells' }),
    colocate: colocateSchema
      .optional()
      .meta({ description: 'Every load alone and in pairs, in place of cells' }),
    answer: z
      .array(answerSchema)
      .default([])
      .meta({ description: 'Sentences that open the report, with the figures of the run' }),
    report: z.array(figureSchema).min(1).meta({ description: 'Figures, in their order' }),
  })
  .refine((study) => study.cells.length > 0 || study.colocate !== undefined, {
    message: 'a study needs cells or colocate',
  })
export type Study = z.infer<typeof studySchema>
