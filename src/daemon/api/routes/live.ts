import { z } from 'zod'
import type { Daemon } from '../../daemon.js'
import { pushedText } from '../event-stream.js'
import { Content, route } from '../route.js'
import { portStatusSchema, timeSchema } from '../schemas.js'
import { promiseSchema } from './promises.js'
import { portStatsSchema, statsOf } from './stats.js'
import { statusOf, statusSchema } from './status.js'
import { tuningOf, tuningSchema } from './tuning.js'

const SECOND_MS = 1000
/** Clients that ask at nearly the same time are told the same. */
const FRESH_S = 0.5

export const liveSchema = z
  .strictObject({
    time: timeSchema,
    clockS: z.number().meta({ description: 'Seconds on a clock that never goes back, for rates' }),
    status: statusSchema,
    ports: z.array(portStatusSchema).readonly(),
    stats: z.array(portStatsSchema).readonly(),
    promises: z.array(promiseSchema).readonly(),
    tuning: tuningSchema.omit({ decisions: true }).meta({
      id: 'TuningNow',
      description: 'Without the decisions of before',
    }),
  })
  .meta({ id: 'Live', description: 'The whole switch at one time' })
export type Live = z.infer<typeof liveSchema>

function liveOf(daemon: Daemon): Live {
  const { decisions: _, ...tuning } = tuningOf(daemon.switch.tuning())
  return {
    ...statsOf(daemon),
    status: statusOf(daemon),
    ports: daemon.switch.status(),
    promises: daemon.promises.verdicts(),
    tuning,
  }
}

const lastTold = new WeakMap<Daemon, { readonly clockS: number; readonly text: string }>()

/** One message of the stream. Watchers by the dozen cost hardly more than one. */
function message(daemon: Daemon): string {
  const told = lastTold.get(daemon)
  if (told && performance.now() / SECOND_MS - told.clockS < FRESH_S) return told.text
  const live = liveOf(daemon)
  const text = `data: ${JSON.stringify(live)}\n\n`
  lastTold.set(daemon, { clockS: live.clockS, text })
  return text
}

export const getLive = route({
  method: 'GET',
  path: '/v1/live',
  id: 'getLive',
  summary: 'The whole switch now, and with follow once a second as server-sent events',
  query: z.strictObject({
    follow: z.boolean().exactOptional().meta({ description: 'Go on, once a second' }),
  }),
  answer: liveSchema,
  content: { 'text/event-stream': 'A Live each second; a client that does not keep up is hung up on' },
  handle: (daemon, { query: { follow } }) => {
    if (!follow) return liveOf(daemon)
    return new Content(
      'text/event-stream',
      pushedText((push) => {
        push(message(daemon))
        const timer = setInterval(() => push(message(daemon)), SECOND_MS)
        return () => clearInterval(timer)
      }),
    )
  },
})
