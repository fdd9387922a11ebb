/** What a configuration may contain. The JSON Schema in docs/schema is generated from here. */
import { z } from 'zod'
import { POLICY_NAMES } from '../aggregation/create.js'
import { AWAKE_DEFAULT } from '../control/awake.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT } from '../control/defaults.js'
import { MAX_FDB_ENTRIES } from '../core/layout.js'
import { MAX_MEMORY_BYTES, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import { access, flag, PORT_SCHEMAS, portSchema } from './port-schemas.js'

export { type ConfigurableKind, PORT_KINDS, PORT_SCHEMAS, portSchema } from './port-schemas.js'

const MB = 1024 * 1024

export const policySchema = z.strictObject({
  name: z.enum(POLICY_NAMES),
  holdUs: z
    .number()
    .min(0)
    .exactOptional()
    .meta({ description: 'fixed: longest hold in microseconds. Default 100' }),
  maxFrames: z
    .int()
    .min(1)
    .exactOptional()
    .meta({ description: 'fixed: frames that end a batch. Default 64' }),
})

export const engineSchema = z.strictObject({
  memoryMb: z
    .int()
    .min(MIN_MEMORY_BYTES / MB)
    .max(MAX_MEMORY_BYTES / MB)
    .multipleOf(2)
    .exactOptional()
    .meta({ description: 'Linear memory of the data plane in MB, address space only. Default 4096' }),
  spinUs: z.number().min(0).max(10_000).exactOptional().meta({
    description:
      'Longest time in microseconds that the engine spins before it sleeps. Default: twice what a wake-up is found to cost, 20 to 200',
  }),
  ageingS: z
    .int()
    .min(1)
    .max(1_000_000)
    .exactOptional()
    .meta({ description: 'Seconds after which a silent address is forgotten. Default 300' }),
  maxAddresses: z.int().min(1).max(MAX_FDB_ENTRIES).exactOptional().meta({
    description: 'Most addresses that the switch learns. Default 16384',
  }),
  policy: policySchema
    .exactOptional()
    .meta({ description: `When frames are published to guests. Default ${POLICY_DEFAULT.name}` }),
  loopGuard: flag.exactOptional().meta({
    description: 'Whether a port is held down for a while when what leaves it comes back. Default true',
  }),
  budget: z
    .number()
    .gt(0)
    .max(1)
    .exactOptional()
    .meta({ description: `Share of its core that the engine may use. Default ${BUDGET_DEFAULT}` }),
  awake: z
    .number()
    .min(0)
    .max(1)
    .exactOptional()
    .meta({
      description: `Share of the processors' time that may be burnt to keep them awake while it is worth it. Default ${AWAKE_DEFAULT}: never`,
    }),
  schedule: flag.exactOptional().meta({
    description: "Whether vifs are served by the engine's time they used. Default true",
  }),
  cpu: z
    .int()
    .min(0)
    .max(1023)
    .exactOptional()
    .meta({ description: 'Processor that the engine is bound to' }),
})

/** Where a switch listens for commands. */
export const controlSchema = z.strictObject({
  socket: z.string().min(1).max(107).exactOptional().meta({
    description:
      "Path of the Unix socket, or fd:3, fd:NAME: one that was handed over. Default: ringferry.sock in the service's or the user's runtime folder",
  }),
  ...access,
  listen: z.string().exactOptional().meta({
    description: 'TCP as well, on this machine alone: "127.0.0.1:8090". Default: no TCP',
  }),
  tokenFile: z.string().min(1).exactOptional().meta({
    description: 'File with the token that TCP clients show. Default: one is made beside the socket',
  }),
})

export const configSchema = z
  .strictObject({
    engine: engineSchema
      .exactOptional()
      .meta({ description: 'The loop that moves the frames, and its policy' }),
    control: controlSchema.exactOptional().meta({ description: 'Where commands and other programs ask' }),
    ports: z.array(portSchema).exactOptional().meta({ description: 'The sides of the switch' }),
  })
  .meta({ title: 'Ringferry configuration' })

/** A setting, or null; of a group's settings each. */
function patchOf(schema: z.ZodType): z.ZodType {
  const inner = schema instanceof z.ZodExactOptional ? (schema.unwrap() as z.ZodType) : schema
  const { description } = schema.meta() ?? {}
  const value =
    inner instanceof z.ZodObject
      ? z.strictObject(
          Object.fromEntries(
            Object.entries(inner.shape as Record<string, z.ZodType>).map(([name, each]) => [
              name,
              patchOf(each),
            ]),
          ),
        )
      : inner
  const nullable = value.nullable().exactOptional()
  return description === undefined ? nullable : nullable.meta({ description })
}

/** Every setting of every kind of port, to be changed one by one; null takes one out. */
export const portPatchSchema = z.strictObject(
  Object.fromEntries(
    Object.values(PORT_SCHEMAS)
      .flatMap(({ shape }) => Object.entries(shape as Record<string, z.ZodType>))
      .filter(([name]) => name !== 'kind' && name !== 'name')
      .map(([name, schema]) => [name, patchOf(schema)]),
  ),
)

/** The JSON Schema of the configuration file. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema)
}
