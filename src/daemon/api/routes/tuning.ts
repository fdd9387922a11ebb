import { z } from 'zod'
import { NO_LIMIT } from '../../../aggregation/hold-limits.js'
import { VERDICT_NAMES } from '../../../aggregation/policy.js'
import type { SwitchConfig } from '../../../config/config.js'
import { policySchema } from '../../../config/schema.js'
import { AWAKE_STATES } from '../../../control/awake.js'
import type { SwitchTuning } from '../../../engine/switch-types.js'
import { RingferryError } from '../../../errors/errors.js'
import { didYouMean } from '../../../errors/suggestion.js'
import type { FileEdit } from '../../config-file.js'
import type { Daemon } from '../../daemon.js'
import { route } from '../route.js'
import { changeQuery, portName } from '../schemas.js'

const us = z.number().nullable()
const figures = z
  .record(z.string(), z.number())
  .meta({ description: 'What a decision rests on, by name; units are in the names' })

const vifTuningSchema = z
  .strictObject({
    name: portName,
    targetUs: z
      .number()
      .meta({ description: 'p99 from arrival to publication that is accepted, in microseconds' }),
    weight: z.number().meta({ description: "Share of the engine's core relative to other vifs" }),
    limits: z
      .strictObject({
        holdUs: z.number(),
        maxFrames: z.number(),
        maxBytes: z.number(),
        gapUs: z.number(),
        urgentPublish: z.boolean(),
      })
      .meta({ description: `What ends a batch; ${NO_LIMIT}: no limit. Times in microseconds` }),
    rateFps: us.meta({ description: 'Frames a second toward the vif at the last decision' }),
    delayUs: us.meta({ description: 'Delay by decision, rest and hold together' }),
    p99: z
      .strictObject({ holdUs: us, queueUs: us, totalUs: us })
      .meta({ description: 'Over about the last 50 ms, in microseconds; null without frames' }),
    published: z
      .record(z.string(), z.number())
      .readonly()
      .meta({ description: 'Publications so far, by reason' }),
    servedUs: z.number().meta({ description: 'Engine time used for what the guest transmits' }),
    decision: z
      .strictObject({ verdict: z.enum(VERDICT_NAMES), figures })
      .nullable()
      .meta({ description: 'What was decided last, and the figures that it rests on; null before' }),
    why: z.string().meta({ description: 'The same in one line' }),
  })
  .meta({ id: 'VifTuning' })

const decisionSchema = z
  .strictObject({
    atUs: z.number().meta({ description: "Microseconds on the engine's clock" }),
    applied: z.boolean().meta({ description: 'False in a dry run' }),
    figures,
    vifs: z.array(z.strictObject({ name: z.string(), why: z.string() })).readonly(),
  })
  .meta({ id: 'Decision' })

const awakeSchema = z
  .strictObject({
    share: z.number().meta({ description: "Share of the processors' time that may be burnt" }),
    state: z.enum(AWAKE_STATES),
    reason: z.string().meta({ description: 'Why it is unavailable; else empty' }),
    cpus: z.array(z.int()).readonly(),
    burntUs: z.number(),
    holdsLatency: z.boolean(),
    asleepUs: us.meta({ description: 'What a wake-up costs when nothing keeps processors awake' }),
    wakeUs: us.meta({ description: 'The same as last measured' }),
  })
  .meta({ id: 'Awake' })

export const tuningSchema = z
  .strictObject({
    policy: policySchema,
    budget: z.number().meta({ description: 'Share of its core that the engine may use' }),
    dryRun: z.boolean().meta({ description: 'Decisions are made and kept, but not applied' }),
    restUs: z.number().meta({ description: 'How long the engine sleeps without asking for kicks' }),
    spinUs: z.number().meta({ description: 'Longest spin of the engine' }),
    wakeUs: us.meta({ description: 'What a wake-up was found to cost' }),
    figures,
    vifs: z.array(vifTuningSchema).readonly(),
    decisions: z.array(decisionSchema).readonly().meta({ description: 'The last ones, oldest first' }),
    awake: awakeSchema,
  })
  .meta({ id: 'Tuning' })

export type Tuning = z.infer<typeof tuningSchema>

export const tuneChangeSchema = z
  .strictObject({
    policy: policySchema.exactOptional(),
    budget: z.number().gt(0).max(1).exactOptional().meta({
      description: 'Share of its core that the engine may use',
    }),
    awake: z.number().min(0).max(1).exactOptional().meta({
      description: "Share of the processors' time that may be burnt to keep them awake",
    }),
    dryRun: z.boolean().exactOptional().meta({ description: 'Decide, but leave the limits as they are' }),
    vif: portName.exactOptional().meta({ description: 'The vif that target and weight are for' }),
    targetUs: z.number().positive().exactOptional().meta({
      description: 'p99 from arrival to publication that is accepted, in microseconds',
    }),
    weight: z.number().positive().exactOptional().meta({
      description: "Share of the engine's core relative to other vifs",
    }),
  })
  .meta({ id: 'TuningChange', description: 'What is left out stays' })
export type TuneChangeBody = z.infer<typeof tuneChangeSchema>

/** JSON has no infinity: a figure that is none is left out like one that is not known. */
function finite<Figures extends Readonly<Record<string, number | undefined>>>(
  all: Figures,
): Record<string, number> {
  const known = Object.entries(all).filter(([, value]) => Number.isFinite(value))
  return Object.fromEntries(known) as Record<string, number>
}

/** A tuning as it is answered. */
export function tuningOf(tuning: SwitchTuning): Tuning {
  return {
    ...tuning,
    figures: finite(tuning.figures),
    vifs: tuning.vifs.map(({ decision, ...vif }) => ({
      ...vif,
      decision: decision && { ...decision, figures: finite(decision.figures) },
    })),
    decisions: tuning.decisions.map((each) => ({ ...each, figures: finite(each.figures) })),
  }
}

export const getTuning = route({
  method: 'GET',
  path: '/v1/tuning',
  id: 'getTuning',
  summary: 'Policy, targets, limits, delays and the last decisions',
  answer: tuningSchema,
  handle: (daemon) => tuningOf(daemon.switch.tuning()),
})

/** The edits of the file that come to the same. */
function editsOf({ vif, targetUs, weight, policy, budget, awake }: TuneChangeBody): FileEdit[] {
  const given = (settings: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  const port = given({ targetUs, weight })
  // A policy is replaced whole.
  const engine = given({
    policy: policy && { ...policy, holdUs: policy.holdUs ?? null, maxFrames: policy.maxFrames ?? null },
    budget,
    awake,
  })
  return [
    ...(vif === undefined || Object.keys(port).length === 0
      ? []
      : [{ edit: 'set', name: vif, patch: port } as const]),
    ...(Object.keys(engine).length === 0 ? [] : [{ edit: 'engine', patch: engine } as const]),
  ]
}

/** Targets and weights become settings of their ports, so that what is set and what is in force are one. */
function edited(
  running: SwitchConfig,
  { vif, targetUs, weight, policy, budget, awake }: TuneChangeBody,
): SwitchConfig {
  return {
    ...running,
    engine: {
      ...running.engine,
      ...(policy === undefined ? {} : { policy }),
      ...(budget === undefined ? {} : { budget }),
      ...(awake === undefined ? {} : { awake }),
    },
    ports: running.ports.map((port) =>
      port.name === vif
        ? {
            ...port,
            ...(targetUs === undefined ? {} : { targetUs }),
            ...(weight === undefined ? {} : { weight }),
          }
        : port,
    ),
  }
}

function checkVif(daemon: Daemon, { vif, targetUs, weight }: TuneChangeBody): void {
  if (vif === undefined && (targetUs !== undefined || weight !== undefined))
    throw new RingferryError('USAGE', 'target and weight belong to a vif; name it')
  const names = daemon.switch.tuning().vifs.map(({ name }) => name)
  if (vif !== undefined && !names.includes(vif))
    throw new RingferryError(
      'NOT_FOUND',
      `vif ${vif}: no vif of this name is under the policy${didYouMean(vif, names)}`,
    )
}

export const changeTuning = route({
  method: 'PATCH',
  path: '/v1/tuning',
  id: 'changeTuning',
  summary: 'Change policy, budget, or the target and weight of one vif',
  query: changeQuery.omit({ dryRun: true }),
  body: tuneChangeSchema,
  answer: tuningSchema,
  errors: ['NOT_FOUND', 'BUSY'],
  handle: async (daemon, { query, body }) => {
    checkVif(daemon, body)
    await daemon.change({
      edit: (running) => edited(running, body),
      persist: query.persist ? editsOf(body) : undefined,
    })
    if (body.dryRun !== undefined) await daemon.switch.tune({ dryRun: body.dryRun })
    return tuningOf(daemon.switch.tuning())
  },
})
