/**
 * What a run of a study leaves: JSON lines, the raw data of everything that is reported. The first line is the
 * header; each further one is a measurement of one cell in one round, a failure, a note, or the end.
 * Published schema: docs/schema/lab-record.schema.json.
 */
import { z } from 'zod'
import { METRIC_NAMES, type MetricName } from './metrics.js'

export const RECORD_VERSION = 1

const factor = z.union([z.string(), z.number(), z.boolean()])
export const factorsSchema = z.record(z.string(), factor)
export type FactorValue = z.infer<typeof factor>
/** What distinguishes a cell from the others of its study, e.g. {policy: 'natural', vms: 4}. */
export type Factors = z.infer<typeof factorsSchema>

const metricsSchema = z.partialRecord(z.enum(METRIC_NAMES as [MetricName, ...MetricName[]]), z.number())

/** Raw values behind a metric that a report draws: x over y, in the units that its name says. */
const seriesSchema = z.record(z.string(), z.array(z.tuple([z.number(), z.number()])))

export const workloadRunSchema = z.strictObject({
  label: z.string().meta({ description: 'Name of this workload within its cell, e.g. "victim"' }),
  workload: z.string().meta({ description: 'What ran: "bulk", "web", ...' }),
  vm: z.string().meta({ description: 'The VM that is measured' }),
  peer: z.string().optional().meta({ description: 'The VM at the other end' }),
  settings: z.record(z.string(), z.unknown()).meta({ description: 'With all defaults filled in' }),
  metrics: metricsSchema,
  series: seriesSchema.optional(),
  ran: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'What really ran: program, version, options, offloads' }),
})
export type WorkloadRun = z.infer<typeof workloadRunSchema>

export const cpuSchema = z.strictObject({
  seconds: z.number().meta({ description: 'Length of the measured window' }),
  guests: z.record(z.string(), z.number()).meta({ description: 'Processor seconds of each VM, by name' }),
  driverDomain: z.number().meta({ description: 'Processor seconds of the switch' }),
  busy: z.number().meta({
    description: 'Processor seconds of the whole host, all processes and the kernel, without `burnt`',
  }),
  burnt: z
    .number()
    .optional()
    .meta({ description: 'Processor seconds of the idle-class threads of a bed that is kept awake' }),
  steal: z.number().meta({ description: 'Processor seconds that the hypervisor below took' }),
})
export type CpuUse = z.infer<typeof cpuSchema>

export const noiseSchema = z.strictObject({
  verdict: z.enum(['quiet', 'marked']),
  reasons: z.array(z.string()),
  busyRatio: z
    .number()
    .meta({ description: 'Share of the processors busy just before the cell, guests idle' }),
  stealRatio: z.number(),
  mhz: z.number().nullable(),
})
export type Noise = z.infer<typeof noiseSchema>

export const headerSchema = z.strictObject({
  type: z.literal('run'),
  version: z.literal(RECORD_VERSION),
  run: z.string().meta({ description: 'Name of the run: study and time' }),
  study: z.record(z.string(), z.unknown()).meta({ description: 'The whole study as it ran' }),
  studyHash: z.string().meta({ description: 'SHA-256 of the study and the options it ran with' }),
  seed: z.int(),
  quick: z.boolean(),
  guests: z.string().meta({ description: 'Kind of guests asked for or chosen' }),
  startedAt: z.string(),
  machine: z.record(z.string(), z.unknown()),
  planned: z.array(z.strictObject({ cell: z.string(), factors: factorsSchema })),
})
export type RunHeader = z.infer<typeof headerSchema>

export const measurementSchema = z.strictObject({
  type: z.literal('measurement'),
  cell: z.string(),
  factors: factorsSchema,
  round: z.int().min(0),
  /** The second of two equal measurements of an A/A check. */
  twin: z.boolean().optional(),
  startedAt: z.string(),
  tookS: z.number(),
  workloads: z.array(workloadRunSchema),
  /** Of the whole cell: processor use, calls a frame, drops. */
  metrics: metricsSchema,
  cpu: cpuSchema,
  noise: noiseSchema,
  switch: z
    .record(z.string(), z.unknown())
    .meta({ description: 'What the switch was and counted; what guests negotiated; limits in force' }),
})
export type Measurement = z.infer<typeof measurementSchema>

export const failureSchema = z.strictObject({
  type: z.literal('failure'),
  cell: z.string(),
  factors: factorsSchema,
  round: z.int().min(0),
  at: z.string(),
  reason: z.string(),
  /** The machine cannot run this cell at all (a program or kernel is missing): it is not tried again. */
  impossible: z.boolean(),
})
export type Failure = z.infer<typeof failureSchema>

/** The run goes on after an interruption, or ended. */
export const eventSchema = z.strictObject({
  type: z.enum(['resumed', 'interrupted', 'finished']),
  at: z.string(),
  detail: z.string(),
})
export type RunEvent = z.infer<typeof eventSchema>

export const recordSchema = z.discriminatedUnion('type', [
  headerSchema,
  measurementSchema,
  failureSchema,
  eventSchema,
])
export type LabRecord = z.infer<typeof recordSchema>

/** "policy=natural,vms=4": the factors in the order of the study. */
export function cellName(factors: Factors): string {
  const parts = Object.entries(factors).map(([name, value]) => `${name}=${value}`)
  return parts.length === 0 ? 'all' : parts.join(',')
}

/** The JSON Schema of one line: docs/schema/lab-record.schema.json. */
export function recordJsonSchema(): object {
  return z.toJSONSchema(recordSchema)
}
