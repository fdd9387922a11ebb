/**
 * What the API's JSON is made of, where several routes share it: zod schemas, whose types TypeScript infers. Units are in
 * the names and in the descriptions. A schema with an `id` is a component of the OpenAPI document.
 */
import { z } from 'zod'
import { PORT_KINDS } from '../../config/schema.js'
import { ERRORS, type ErrorCode } from '../../errors/errors.js'

const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/** The code of a fault of Ringferry itself: HTTP status 500. */
export const FAULT_CODE = 'INTERNAL'

export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      code: z
        .enum([...ERROR_CODES, FAULT_CODE])
        .meta({ description: 'What kind of error; the command line has an exit code for each' }),
      message: z.string().meta({ description: 'One line: what is wrong, where, and what to do' }),
    }),
  })
  .meta({ id: 'Error', description: 'Why nothing was done' })
export type ErrorAnswer = z.infer<typeof errorSchema>

/** A name of a port in a path or query; whether there is such a port is another question. */
export const portName = z.string().min(1).max(64).meta({ description: "A port's name" })

export const portStatusSchema = z
  .strictObject({
    name: portName,
    kind: z.enum([...PORT_KINDS, 'embedded']),
    state: z.enum(['waiting', 'attached', 'up', 'down']).meta({
      description:
        'waiting: nobody is attached; attached: connected, not yet able to take frames; up; down: given up',
    }),
    reason: z.string().exactOptional().meta({ description: 'Why the last peer went, or the port is down' }),
    heldDown: z
      .string()
      .exactOptional()
      .meta({ description: 'Why nothing is carried although the peer is there' }),
    detachments: z
      .int()
      .min(0)
      .meta({ description: 'Peers detached for breaking the protocol, since the start' }),
    negotiated: z
      .array(z.string())
      .readonly()
      .meta({ description: 'Features negotiated, or offloads in use' }),
    place: z.string().meta({ description: 'Where the peer finds the port: a socket path or a device name' }),
    unbatched: z.string().exactOptional().meta({
      description: 'Why each frame costs a system call, where the kernel could move many by one',
    }),
  })
  .meta({ id: 'PortStatus' })

export const timeSchema = z.iso.datetime().meta({ description: 'ISO 8601, UTC' })
