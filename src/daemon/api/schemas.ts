/**
 * What the API's JSON is made of, where several routes share it: zod schemas, whose types TypeScript infers. Units are in
 * the names and in the descriptions. A schema with an `id` is a component of the OpenAPI document.
 */
import { z } from 'zod'
import { PORT_KINDS } from '../../config/schema.js'
import { ERRORS, type ErrorCode } from '../../errors/errors.js'
import { CHANGES, type Change } from '../plan.js'

const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/** The code of a fault of Ringferry itself: HTTP status 500. */
export const FAULT_CODE = 'INTERNAL'

/** Something wrong in a text of YAML. */
export const mistakeSchema = z
  .strictObject({
    line: z.int().min(1),
    column: z.int().min(1),
    message: z.string(),
  })
  .meta({ id: 'Mistake' })

export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      code: z
        .enum([...ERROR_CODES, FAULT_CODE])
        .meta({ description: 'What kind of error; the command line has an exit code for each' }),
      message: z.string().meta({ description: 'One line: what is wrong, where, and what to do' }),
      mistakes: z
        .array(mistakeSchema)
        .readonly()
        .exactOptional()
        .meta({ description: 'CONFIG: everything that is wrong with a text' }),
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

export const macSchema = z
  .string()
  .regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, 'write a MAC address like 02:00:00:00:00:01')
  .meta({ description: 'A MAC address: "02:00:00:00:00:01"' })

export const vlanSchema = z.int().min(0).max(4095).meta({ description: 'VLAN; 0: untagged frames' })

/** What changes, or would change. */
export const changesSchema = z
  .strictObject({
    changes: z
      .array(
        z
          .strictObject({
            about: z.enum(['port', 'engine', 'control']),
            subject: z.string().meta({ description: "The port's name; else as about" }),
            change: z.enum(CHANGES).meta({ description: 'replaced: removed and added again' }),
            effect: z.enum(['none', 'in-place', 'guest-cut', 'needs-restart']).meta({
              description:
                'in-place: the guest stays; guest-cut: it goes, or attaches again; needs-restart: not before the next start',
            }),
            detail: z.string().meta({ description: 'The settings that differ; may be empty' }),
            settings: z
              .array(z.strictObject({ setting: z.string(), before: z.json(), after: z.json() }))
              .readonly()
              .meta({ description: 'Their values; null: not set' }),
          })
          .meta({ id: 'Change' }),
      )
      .readonly(),
    dryRun: z.boolean().meta({ description: 'Nothing was done' }),
    persisted: z.boolean().meta({ description: 'It was written into the file of the start' }),
  })
  .meta({ id: 'Changes', description: 'Empty changes: it was so already' })
export type Changes = z.infer<typeof changesSchema>

const EFFECTS = {
  added: 'none',
  removed: 'guest-cut',
  replaced: 'guest-cut',
  changed: 'in-place',
  'needs-restart': 'needs-restart',
} as const satisfies Record<Change['change'], string>

/** Changes as they are answered. */
export function changesAnswer(
  changes: readonly Change[],
  { dryRun = false, persist = false }: { readonly dryRun?: boolean; readonly persist?: boolean },
): Changes {
  return {
    changes: changes.map((each) => ({ ...each, effect: EFFECTS[each.change] })) as Changes['changes'],
    dryRun,
    persisted: persist && !dryRun,
  }
}

/** Of requests that change something. */
export const changeQuery = z.strictObject({
  dryRun: z.boolean().exactOptional().meta({ description: 'Tell what would change, and do nothing' }),
  persist: z
    .boolean()
    .exactOptional()
    .meta({ description: 'Write it into the file of the start as well; else it lives until the restart' }),
})

export const timeSchema = z.iso.datetime().meta({ description: 'ISO 8601, UTC' })
