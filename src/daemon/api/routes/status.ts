import { z } from 'zod'
import { POLICY_NAMES } from '../../../aggregation/create.js'
import type { PromiseState, PromiseVerdict } from '../../../control/promise-verdict.js'
import type { Daemon } from '../../daemon.js'
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
    drained: z.boolean().meta({ description: 'It takes no frames: see /v1/drain' }),
    ports: z.int().meta({ description: 'How many there are' }),
    portsUp: z.int().meta({ description: 'How many of them carry frames' }),
    targets: z
      .strictObject({ met: z.int(), missed: z.int(), noLoad: z.int(), notHeld: z.int() })
      .meta({ description: 'Delay targets by verdict, see /v1/promises' }),
    addresses: z.int().meta({ description: 'Live addresses in the forwarding database' }),
  })
  .meta({ id: 'Status' })
export type Status = z.infer<typeof statusSchema>

function targetsOf(verdicts: readonly PromiseVerdict[]): Status['targets'] {
  const count = (state: PromiseState): number => verdicts.filter((each) => each.state === state).length
  return { met: count('met'), missed: count('missed'), noLoad: count('no-load'), notHeld: count('not-held') }
}

/** The status of a running switch. */
export function statusOf(daemon: Daemon): Status {
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
    drained: running.isDrained,
    ports: ports.length,
    portsUp: ports.filter(({ state }) => state === 'up').length,
    targets: targetsOf(daemon.promises.verdicts()),
    addresses: running.fdb().length,
  }
}

export const getStatus = route({
  method: 'GET',
  path: '/v1/status',
  id: 'getStatus',
  summary: 'The switch in a few numbers',
  answer: statusSchema,
  handle: statusOf,
})
