import { z } from 'zod'
import { POLICY_NAMES } from '../../../aggregation/create.js'
import { route } from '../route.js'
import { timeSchema } from '../schemas.js'

export const statusSchema = z
  .strictObject({
    version: z.string(),
    pid: z.int(),
    startedAt: timeSchema,
    uptimeS: z.number().min(0).meta({ description: 'Seconds since the start' }),
    configFile: z
      .string()
      .nullable()
      .meta({ description: 'The file that it was started with, and reads again at SIGHUP' }),
    policy: z.enum(POLICY_NAMES).meta({ description: 'When frames are published to guests' }),
    budget: z.number().meta({ description: 'Share of its core that the engine may use' }),
    engineCpuS: z
      .number()
      .min(0)
      .meta({ description: "Processor time of the engine's thread so far, in seconds" }),
    freeBytes: z.number().meta({ description: 'Linear memory that is free for ports and guests' }),
    ports: z.int().meta({ description: 'How many there are' }),
    portsUp: z.int().meta({ description: 'How many of them carry frames' }),
    addresses: z.int().meta({ description: 'Live addresses in the forwarding database' }),
  })
  .meta({ id: 'Status' })
export type Status = z.infer<typeof statusSchema>

export const getStatus = route({
  method: 'GET',
  path: '/v1/status',
  id: 'getStatus',
  summary: 'The switch in a few numbers',
  answer: statusSchema,
  handle: (daemon) => {
    const running = daemon.switch
    const { policy, budget } = running.tuning()
    const ports = running.status()
    return {
      version: daemon.version,
      pid: process.pid,
      startedAt: daemon.startedAt.toISOString(),
      uptimeS: (Date.now() - daemon.startedAt.getTime()) / 1000,
      configFile: daemon.configFile ?? null,
      policy: policy.name,
      budget,
      engineCpuS: running.cpuSeconds(),
      freeBytes: running.freeBytes,
      ports: ports.length,
      portsUp: ports.filter(({ state }) => state === 'up').length,
      addresses: running.fdb().length,
    }
  },
})
