/** What people write of a model, as a schema; `describe` texts go into docs/schema/model.schema.json. */
import { z } from 'zod'
import { POLICY_NAMES } from '../aggregation/create.js'
import {
  ARCHITECTURE_NAMES,
  DEPTHS,
  DEVICE_NAMES,
  GENERATIONS,
  HOST_DEFAULTS,
  MODEL_DEFAULTS,
  NIC_DEFAULTS,
  OPEN_DEFAULTS,
  PLACES,
  REQUEST_DEFAULTS,
  SCHEDULER_NAMES,
  TCP_DEFAULTS,
  VM_DEFAULTS,
} from '../sim/model.js'

const number = z.number()
const positive = number.positive()
const whole = number.int()
const name = z.string().regex(/^[a-z0-9-]+$/i, 'write letters, digits and dashes')

const hostSchema = z.strictObject({
  cores: whole.default(HOST_DEFAULTS.cores).describe('Processors, 1 to 64.'),
  ghz: positive.default(HOST_DEFAULTS.ghz).describe('Cycles a nanosecond.'),
  scheduler: z.enum(SCHEDULER_NAMES).default(HOST_DEFAULTS.scheduler),
  llcMb: number.nonnegative().default(HOST_DEFAULTS.llcMb).describe('Last-level cache; 0: not modelled.'),
  missCyclesPerByte: number.nonnegative().default(HOST_DEFAULTS.missCyclesPerByte),
  wakeUs: number
    .nonnegative()
    .default(HOST_DEFAULTS.wakeUs)
    .describe('From waking a thread of another processor to its running.'),
  othersPerS: number
    .nonnegative()
    .default(HOST_DEFAULTS.othersPerS)
    .describe('Stretches a second in which threads that are not modelled take a processor.'),
  othersUs: positive
    .default(HOST_DEFAULTS.othersUs)
    .describe('How long such a stretch lasts in the mean, in microseconds.'),
})

const nicSchema = z.strictObject({
  name,
  gbps: positive.default(NIC_DEFAULTS.gbps),
  queues: whole
    .default(NIC_DEFAULTS.queues)
    .describe('Each thread of the driver domain takes one, with rings and interrupts of its own.'),
  ringFrames: whole.default(NIC_DEFAULTS.ringFrames),
  moderationUs: number
    .nonnegative()
    .default(NIC_DEFAULTS.moderationUs)
    .describe('Least time between interrupts.'),
  wireUs: number.nonnegative().default(NIC_DEFAULTS.wireUs).describe('One way to its peer.'),
})

const vmSchema = z.strictObject({
  name,
  count: whole.min(1).max(128).optional().describe('So many of them: NAME1, NAME2 ...'),
  targetUs: positive.default(VM_DEFAULTS.targetUs),
  weight: positive.default(VM_DEFAULTS.weight),
  cap: number.min(0).max(1).default(VM_DEFAULTS.cap).describe('Most of a processor; 0: no limit.'),
  cores: z
    .array(whole)
    .default([...VM_DEFAULTS.cores])
    .describe('Processors that it may run on; none: all.'),
  ringFrames: whole.default(VM_DEFAULTS.ringFrames),
  queueFrames: whole
    .default(VM_DEFAULTS.queueFrames)
    .describe('Frames that its programs may have waiting for room in its ring.'),
  spinUs: number
    .nonnegative()
    .default(VM_DEFAULTS.spinUs)
    .describe('How long its driver polls before it sleeps: until then it needs no waking. Counted as idle.'),
  workingSetMb: number.nonnegative().default(VM_DEFAULTS.workingSetMb),
  computes: number
    .min(0)
    .max(1)
    .default(VM_DEFAULTS.computes)
    .describe('Share of a processor that it computes beside its network.'),
})

const arrivalsSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  z.strictObject({ kind: z.literal('poisson') }),
  z.strictObject({ kind: z.literal('on-off'), onUs: positive, offUs: positive }),
  z.strictObject({
    kind: z.literal('mmpp'),
    states: z.array(z.strictObject({ factor: number.nonnegative(), meanUs: positive })).min(2),
  }),
  z
    .strictObject({ kind: z.enum(['trains', 'bursts']), frames: whole.positive() })
    .describe('Frames back to back; trains come by chance, bursts at regular times.'),
  z.strictObject({
    kind: z.literal('trace'),
    file: z.string().describe('A capture (pcap, pcapng): times and sizes of its frames.'),
  }),
])

const ends = {
  label: z.string().min(1).optional().describe('How results call it; default "FROM to TO".'),
  from: name.describe('A VM, all VMs of a count, or a NIC: its peer on the wire.'),
  to: name,
}
const connections = whole.min(1).default(1)

const trafficKinds = [
  z.strictObject({
    kind: z.literal('open'),
    ...ends,
    rateFps: positive.optional().describe('Frames a second; a trace has its own unless this is given.'),
    load: positive
      .max(1)
      .optional()
      .describe("In place of rateFps: share of its NIC's line rate that all its VMs together are offered."),
    frameBytes: z
      .union([z.literal('imix'), whole.positive()])
      .default(OPEN_DEFAULTS.frameBytes)
      .describe('Without checksum.'),
    arrivals: arrivalsSchema.default({ kind: 'poisson' }),
    urgentShare: number.min(0).max(1).default(OPEN_DEFAULTS.urgentShare),
  }),
  z.strictObject({
    kind: z.literal('tcp'),
    ...ends,
    connections,
    windowBytes: whole.positive().default(TCP_DEFAULTS.windowBytes),
    segmentBytes: whole.positive().default(TCP_DEFAULTS.segmentBytes),
    offloadBytes: whole
      .positive()
      .optional()
      .describe('Bytes handed down as one frame; default one segment.'),
    ackEvery: whole.positive().default(TCP_DEFAULTS.ackEvery),
    loss: number.min(0).max(0.5).default(TCP_DEFAULTS.loss).describe('Share of frames that the wire loses.'),
  }),
  z.strictObject({
    kind: z.literal('requests'),
    ...ends,
    connections,
    requestBytes: whole.positive().default(REQUEST_DEFAULTS.requestBytes),
    answerBytes: whole.positive().default(REQUEST_DEFAULTS.answerBytes),
    serviceUs: number.nonnegative().default(REQUEST_DEFAULTS.serviceUs),
    thinkUs: number
      .nonnegative()
      .default(REQUEST_DEFAULTS.thinkUs)
      .describe('Mean pause between an answer and the next question; exponential.'),
  }),
] as const
/** What a simulator runs. */
export const plainTrafficSchema = z.discriminatedUnion('kind', trafficKinds)
const trafficSchema = z.discriminatedUnion('kind', [
  ...trafficKinds,
  z.strictObject({
    kind: z.literal('workload'),
    run: z.string().describe('One of the lab\'s workloads, as "ringferry lab workloads" lists them.'),
    label: ends.label,
    vm: name.describe('Its VM, or all VMs of a count.'),
    peer: name.describe('Who talks to it: a NIC or a VM. None for what has no traffic.').optional(),
    settings: z.record(z.string(), z.unknown()).default({}).describe('As in a study of the lab.'),
  }),
])

const range = z.tuple([number, number])
const bounds = z.strictObject({ estimate: number, low: number, high: number })

/** What a calibration says of itself; a run of the model does not need it. */
const calibrationSchema = z.strictObject({
  run: z.string().describe('Of the lab, by its name.'),
  machine: z.string(),
  guests: z.string().describe('The kind whose network stack the costs are of.'),
  ranges: z
    .strictObject({
      vms: range,
      rateFps: range.describe('All VMs together.'),
      frameBytes: range,
      policies: z.array(z.string()),
    })
    .describe('What was measured: outside of it nobody knows.'),
  costsNs: z.record(z.string(), bounds).describe('With 95 % intervals, in nanoseconds.'),
  wakeUs: bounds.optional(),
  othersPerS: bounds.optional(),
  othersUs: bounds.optional(),
  fitted: z.array(z.string()).describe('Cells that costs were fitted to.'),
  heldOut: z.array(z.string()).describe('Cells that they were not.'),
})

/** Figures of a run that replications can be held to. */
export const WATCHED = ['mbps', 'fps', 'driverCpu', 'hostCpu', 'cyclesPerFrame', 'callsPerFrame'] as const

const policySchema = z.strictObject({
  name: z.enum(POLICY_NAMES),
  holdUs: number.nonnegative().optional(),
  maxFrames: whole.positive().optional(),
})

const factorValue = z.union([number, z.string(), z.boolean()])

export const modelSchema = z.strictObject({
  name: name.default('model'),
  depth: z.enum(DEPTHS).default(MODEL_DEFAULTS.depth),
  architecture: z.enum(ARCHITECTURE_NAMES).default(MODEL_DEFAULTS.architecture),
  device: z.enum(DEVICE_NAMES).default(MODEL_DEFAULTS.device),
  place: z.enum(PLACES).default(MODEL_DEFAULTS.place).describe('Who runs the workload.'),
  generation: z.enum(GENERATIONS).default(MODEL_DEFAULTS.generation).describe('Whose costs the tables have.'),
  costs: z
    .record(z.string(), number)
    .default({})
    .describe('Cycles of steps in place of those of the tables.'),
  host: hostSchema.prefault({}),
  driverCore: whole.nonnegative().default(MODEL_DEFAULTS.driverCore),
  driverThreads: whole
    .positive()
    .default(MODEL_DEFAULTS.driverThreads)
    .describe('Threads of the driver domain, on processors from driverCore on; they share no VM.'),
  policy: z
    .preprocess((value) => (typeof value === 'string' ? { name: value } : value), policySchema)
    .default(MODEL_DEFAULTS.policy as { name: 'natural' }),
  budget: number.positive().max(1).default(MODEL_DEFAULTS.budget),
  calibration: calibrationSchema.optional().describe('Written by "ringferry sim calibrate".'),
  nics: z.array(nicSchema).default([]),
  vms: z.array(vmSchema).min(1),
  traffic: z.array(trafficSchema).min(1),
  measureMs: positive.default(MODEL_DEFAULTS.measureMs),
  warmUpMs: z
    .union([z.literal('auto'), number.nonnegative()])
    .default('auto')
    .describe('Modelled time that is dropped; auto: found in a first run (MSER-5).'),
  replications: z
    .strictObject({
      min: whole.min(1).max(1000).default(5),
      max: whole.min(1).max(1000).default(20),
      halfWidth: positive
        .max(1)
        .default(0.02)
        .describe('Ends when half the 95 % interval is at most this part of the mean.'),
      of: z.enum(WATCHED).default('mbps'),
    })
    .prefault({}),
  sweep: z
    .strictObject({
      method: z.enum(['grid', 'latin']).default('grid'),
      points: whole.min(1).max(100_000).optional().describe('latin: so many points.'),
      factors: z
        .record(
          z.string(),
          z.union([z.array(factorValue).min(1), z.strictObject({ from: number, to: number })]),
        )
        .describe('By setting, as "vms[0].count": values, or a range (latin).'),
    })
    .optional(),
})

/** A model file as it is read, defaults filled in. */
export type ModelFile = z.infer<typeof modelSchema>
export type CalibrationOfModel = z.infer<typeof calibrationSchema>
export type Factors = NonNullable<ModelFile['sweep']>

/** The JSON Schema of a model file: docs/schema/model.schema.json. */
export function modelJsonSchema(): object {
  return z.toJSONSchema(modelSchema, { io: 'input' })
}
