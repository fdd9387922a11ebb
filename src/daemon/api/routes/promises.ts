import { z } from 'zod'
import { MISS_CAUSES } from '../../../control/promise-cause.js'
import { PROMISE_STATES } from '../../../control/promise-verdict.js'
import { route } from '../route.js'
import { portName, timeSchema } from '../schemas.js'

const us = z.number().nullable()
const share = z.number().min(0).nullable()

const windowSchema = z
  .strictObject({
    frames: z.number().meta({ description: 'Frames published to the guest' }),
    p50Us: us.meta({ description: 'From arrival to publication, in microseconds; null without frames' }),
    p99Us: us.meta({ description: 'The same of 99 of 100 frames' }),
    withinShare: share.meta({ description: 'Part of the frames within the target, 0 to 1' }),
  })
  .meta({ id: 'DelayWindow' })

export const promiseSchema = z
  .strictObject({
    name: portName,
    state: z.enum(PROMISE_STATES).meta({
      description: 'no-load: too few frames for a p99; not-held: the policy does not hold targets',
    }),
    since: timeSchema.meta({ description: 'When the state began: ISO 8601, UTC' }),
    targetUs: z.number().meta({
      description: 'p99 from arrival to publication that was asked for, in microseconds',
    }),
    missedByUs: us.meta({ description: 'By how much p99 is beyond the target; null unless it is missed' }),
    cause: z.enum(MISS_CAUSES).nullable().meta({ description: 'Why it is missed; null unless it is' }),
    overBudget: z.boolean().meta({
      description: 'Keeping the targets takes more of a processor than the budget; they come first',
    }),
    windowS: z.number().meta({
      description: 'Seconds that the verdict rests on: 10, or 300 where those have too few frames',
    }),
    last10s: windowSchema,
    last300s: windowSchema,
    queueP99Us: us.meta({ description: 'Over 10 s: before the switch came to the frames' }),
    holdP99Us: us.meta({ description: 'Over 10 s: waited by decision' }),
    batchFrames: z.number().nullable().meta({ description: 'Over 10 s: frames a publication, in the mean' }),
    callsSavedShare: share.meta({
      description: 'Over 10 s: calls that were not made, of one a frame; 0 to 1',
    }),
    cpuSavedShare: share.meta({
      description:
        'Over 10 s: share of a processor that a publication for every frame would have cost beside, by the cost model of policy adaptive; null without one',
    }),
    sentence: z.string().meta({ description: 'The verdict in words' }),
    advice: z.string().meta({ description: 'What to do about it; empty where there is nothing to do' }),
  })
  .meta({ id: 'Promise' })
export type PromiseAnswer = z.infer<typeof promiseSchema>

export const listPromises = route({
  method: 'GET',
  path: '/v1/promises',
  id: 'listPromises',
  summary: 'Whether delay targets are kept, and if not, why',
  answer: z.strictObject({ promises: z.array(promiseSchema).readonly() }),
  handle: (daemon) => ({ promises: daemon.promises.verdicts() }),
})
