import { z } from 'zod'
import { route } from '../route.js'
import { portStatusSchema } from '../schemas.js'

export const listPorts = route({
  method: 'GET',
  path: '/v1/ports',
  id: 'listPorts',
  summary: 'All ports with their state',
  answer: z.strictObject({ ports: z.array(portStatusSchema).readonly() }),
  handle: (daemon) => ({ ports: daemon.switch.status() }),
})
