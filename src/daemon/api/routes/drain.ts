import { z } from 'zod'
import { route } from '../route.js'
import { portName } from '../schemas.js'

/** Below what clients wait for an answer. */
export const MAX_DRAIN_MS = 8_000
const DEFAULT_LIMIT_MS = 1_000

export const drain = route({
  method: 'POST',
  path: '/v1/drain',
  id: 'drain',
  summary: 'Take no new frames, publish what is held, deliver what waits; then answer',
  query: z.strictObject({
    limitMs: z
      .int()
      .min(0)
      .max(MAX_DRAIN_MS)
      .exactOptional()
      .meta({
        description: `How long frames may take to leave, in milliseconds. Default ${DEFAULT_LIMIT_MS}`,
      }),
  }),
  answer: z
    .strictObject({
      drained: z.boolean().meta({ description: 'Nothing waits any more' }),
      waiting: z
        .array(z.strictObject({ name: portName, frames: z.int().min(1) }))
        .readonly()
        .meta({
          description: 'Frames that have not left: for want of buffers, of a peer, or by a rate limit',
        }),
    })
    .meta({ id: 'Drained' }),
  handle: async (daemon, { query: { limitMs = DEFAULT_LIMIT_MS } }) => {
    const waiting = [...(await daemon.drain(limitMs))].map(([name, frames]) => ({ name, frames }))
    return { drained: waiting.length === 0, waiting }
  },
})

export const resume = route({
  method: 'DELETE',
  path: '/v1/drain',
  id: 'resume',
  summary: 'Take frames again',
  answer: z.strictObject({ drained: z.literal(false) }),
  handle: async (daemon) => {
    await daemon.resume()
    return { drained: false as const }
  },
})
