import { z } from 'zod'
import { LOG_LEVELS } from '../../log.js'
import { route } from '../route.js'

const levelSchema = z.strictObject({
  level: z.enum(LOG_LEVELS).meta({
    description: 'debug: every request; info: every change; warn; error; silent',
  }),
})

export const getLogLevel = route({
  method: 'GET',
  path: '/v1/log/level',
  id: 'getLogLevel',
  summary: 'What is logged',
  answer: levelSchema,
  handle: (daemon) => ({ level: levelSchema.shape.level.parse(daemon.log.level) }),
})

export const setLogLevel = route({
  method: 'PUT',
  path: '/v1/log/level',
  id: 'setLogLevel',
  summary: 'Change what is logged, until the restart',
  body: levelSchema,
  answer: levelSchema,
  handle: (daemon, { body: { level } }) => {
    daemon.log.level = level
    return { level }
  },
})
