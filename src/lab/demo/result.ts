import { z } from 'zod'
import { PUBLISH_MODES } from '../../port/config.js'
import { GUEST_KINDS } from '../guest/spec.js'

export const DEMO_KINDS = [...GUEST_KINDS, 'embedded'] as const
/** `embedded`: a thread that drives a real vring; it needs nothing but this program. */
export type DemoKind = (typeof DEMO_KINDS)[number]

/** Direction of the load, named from the measured guest. */
export const DIRECTIONS = ['to_vm', 'from_vm'] as const
export type Direction = (typeof DIRECTIONS)[number]

const count = z.int().min(0)

export const demoRunSchema = z.strictObject({
  guestKind: z.enum(DEMO_KINDS).meta({ description: 'What the two guests were' }),
  mode: z.enum(PUBLISH_MODES).meta({ description: 'When the switch tells a guest of frames in its ring' }),
  direction: z
    .enum(DIRECTIONS)
    .meta({ description: 'Whether the load went to or came from the measured guest' }),
  mbps: z.number().min(0).meta({
    description: 'Megabits a second: TCP goodput at the receiver (iperf3), or frames delivered (embedded)',
  }),
  rttUs: z.number().min(0).nullable().meta({
    description: 'Round trip time in microseconds without load: median of embedded guests, mean of ping',
  }),
  frames: count.meta({ description: "Frames that crossed the measured guest's port in the direction" }),
  calls: count.meta({ description: 'Calls (interrupts) that the measured guest got meanwhile' }),
  drops: z
    .record(z.string(), count)
    .meta({ description: 'Frames dropped between the two guests, by reason' }),
})
export type DemoRun = z.infer<typeof demoRunSchema>

export const demoResultSchema = z
  .strictObject({
    machine: z.record(z.string(), z.unknown()).meta({ description: 'Where it was measured' }),
    runs: z.array(demoRunSchema),
  })
  .meta({ title: 'Result of ringferry demo --json' })
export type DemoResult = z.infer<typeof demoResultSchema>

/** The JSON Schema of a result: docs/schema/demo.schema.json. */
export function demoJsonSchema(): object {
  return z.toJSONSchema(demoResultSchema)
}
