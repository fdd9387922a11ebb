import { z } from 'zod'
import type { PortDelays } from '../../../core/delays.js'
import { bucketStart, TICKS_PER_US } from '../../../core/histogram.js'
import { route } from '../route.js'
import { portName } from '../schemas.js'
import { checkPort } from './ports.js'

const count = z.int().min(0)

export const delayBucketSchema = z
  .strictObject({
    fromUs: z.number().meta({ description: 'Delays of at least this, in microseconds, are in the bucket' }),
    toUs: z.number().meta({ description: 'and below this' }),
    total: count.meta({ description: 'Frames by their delay from arrival to publication' }),
    queue: count.meta({ description: 'by what of it passed before the switch came to them' }),
    hold: count.meta({ description: 'and by what they waited by decision' }),
  })
  .meta({ id: 'DelayBucket' })
export type DelayBucket = z.infer<typeof delayBucketSchema>

function bucketsOf({ total, queue, hold }: PortDelays): DelayBucket[] {
  return Array.from(total, (frames, bucket) => ({
    fromUs: bucketStart(bucket) / TICKS_PER_US,
    toUs: bucketStart(bucket + 1) / TICKS_PER_US,
    total: frames,
    queue: queue[bucket] ?? 0,
    hold: hold[bucket] ?? 0,
  })).filter((each) => each.total + each.queue + each.hold > 0)
}

export const getDelays = route({
  method: 'GET',
  path: '/v1/ports/{name}/delays',
  id: 'getDelays',
  summary: 'The histogram of the delays of one port',
  params: z.strictObject({ name: portName }),
  answer: z.strictObject({
    name: portName,
    buckets: z.array(delayBucketSchema).readonly().meta({
      description:
        'Frames published since the port was added, shortest delay first; counts wrap at 2^32; empty buckets are left out',
    }),
  }),
  errors: ['NOT_FOUND'],
  handle: (daemon, { params: { name } }) => {
    checkPort(daemon, name)
    return { name, buckets: bucketsOf(daemon.switch.delays(name)) }
  },
})
