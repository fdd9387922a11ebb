import { z } from 'zod'
import { COUNTER_NAMES, DROP_NAMES } from '../../../core/counters.js'
import type { Daemon } from '../../daemon.js'
import { route } from '../route.js'
import { portName, timeSchema } from '../schemas.js'
import { checkPort } from './ports.js'

const count = z.number().min(0)

export const portStatsSchema = z
  .strictObject({
    name: portName,
    counters: z
      .record(z.enum(COUNTER_NAMES), count)
      .meta({ description: 'Since the port was added, see docs/operators.md' }),
    drops: z
      .partialRecord(z.enum(DROP_NAMES), count)
      .meta({ description: 'Dropped frames by reason; reasons that never occurred are left out' }),
  })
  .meta({ id: 'PortStats' })
export type PortStats = z.infer<typeof portStatsSchema>

/** Counters of all ports, and when they were read. @param only of one port */
export function statsOf(daemon: Daemon, only?: string) {
  const names = daemon.switch.status().map(({ name }) => name)
  const stats = names
    .filter((name) => only === undefined || name === only)
    .map((name): PortStats => {
      const { counts, drops } = daemon.switch.counters(name)
      return { name, counters: counts, drops }
    })
  return { time: new Date().toISOString(), clockS: performance.now() / 1000, stats }
}

export const getStats = route({
  method: 'GET',
  path: '/v1/stats',
  id: 'getStats',
  summary: 'Counters of all ports, or of one',
  query: z.strictObject({ port: portName.exactOptional() }),
  answer: z.strictObject({
    time: timeSchema,
    clockS: z.number().meta({ description: 'Seconds on a clock that never goes back, for rates' }),
    ports: z.array(portStatsSchema),
  }),
  errors: ['NOT_FOUND'],
  handle: (daemon, { query: { port } }) => {
    if (port !== undefined) checkPort(daemon, port)
    const { stats, ...read } = statsOf(daemon, port)
    return { ...read, ports: stats }
  },
})
