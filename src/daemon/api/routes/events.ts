import { z } from 'zod'
import { EVENTS } from '../../events.js'
import { followEvents } from '../event-stream.js'
import { Content, route } from '../route.js'
import { timeSchema } from '../schemas.js'

const id = z.int().min(0)

export const eventSchema = z
  .strictObject({
    id: id.meta({ description: 'Grows by one from event to event, from 1 at the start of the switch' }),
    time: timeSchema,
    event: z.enum(EVENTS).meta({ description: 'See docs/operators.md' }),
    port: z.string().nullable().meta({ description: 'null: the switch' }),
    detail: z.string().meta({ description: 'Why, or what; may be empty' }),
  })
  .meta({ id: 'Event' })
export type EventAnswer = z.infer<typeof eventSchema>

export const listEvents = route({
  method: 'GET',
  path: '/v1/events',
  id: 'listEvents',
  summary: 'The last events, and with follow those to come as server-sent events',
  query: z.strictObject({
    after: id.exactOptional().meta({ description: 'Only events after this one' }),
    follow: z.boolean().exactOptional().meta({ description: 'Go on with events as they happen' }),
  }),
  headers: z.strictObject({
    'last-event-id': id.exactOptional().meta({ description: 'The same as after; browsers send it' }),
  }),
  answer: z.strictObject({ events: z.array(eventSchema).readonly() }),
  content: { 'text/event-stream': 'Each event with its id; a client that does not keep up is hung up on' },
  handle: (daemon, { query: { after, follow }, headers }) => {
    const from = headers['last-event-id'] ?? after ?? 0
    if (!follow) return { events: daemon.events.after(from) }
    return new Content('text/event-stream', followEvents(daemon.events, from))
  },
})
