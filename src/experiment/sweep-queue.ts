/**
 * Points run by workers on any machine (`ringferry sim worker`). A point's job is called by the hash of its data and seed, so
 * one that was run before is there already. What is done is found by asking, not by events, so that nothing is missed while
 * the server is away; jobs that a server has forgotten are given to it again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, Queue } from 'bullmq'
import { RingferryError } from '../errors/errors.js'
import { JOB, namesFile, QueueConnection, type QueuedPoint, queueName } from './queue-connection.js'
import type { SweepLine } from './sweep-job.js'
import type { SweepPoint } from './sweep-points.js'
import type { Carrier } from './sweep-run.js'

const ASK_MS = 300
/** Jobs that are asked for at a time: the first ones are done first. */
const ASKED = 200
const ADDED = 500
/** Results are kept so long, in seconds: a month. */
const KEPT_S = 30 * 24 * 3600

type PointJob = Job<QueuedPoint, SweepLine>

async function add(queue: Queue, points: readonly SweepPoint[], seed: number): Promise<void> {
  for (let from = 0; from < points.length; from += ADDED)
    await queue.addBulk(
      points.slice(from, from + ADDED).map((point) => ({
        name: JOB,
        data: { point, seed } satisfies QueuedPoint,
        opts: { jobId: point.id, removeOnComplete: { age: KEPT_S }, removeOnFail: { age: KEPT_S } },
      })),
    )
}

/** What a job came to; undefined: it is not done. A job that a worker could not run is removed: the next sweep tries again. */
async function lineOf(job: PointJob, { id, factors }: SweepPoint): Promise<SweepLine | undefined> {
  const state = await job.getState()
  if (state === 'completed') return { ...(job.returnvalue as SweepLine), id, factors }
  if (state !== 'failed') return undefined
  const error = `no worker could run it: ${job.failedReason}`
  await job.remove()
  return { id, factors, error }
}

async function ask(
  queue: Queue,
  points: readonly SweepPoint[],
  seed: number,
): Promise<readonly (SweepLine | undefined)[]> {
  const { Job } = await import('bullmq')
  const jobs = await Promise.all(
    points.map(({ id }) => Job.fromId(queue, id) as Promise<PointJob | undefined>),
  )
  const lost = points.filter((_, at) => !jobs[at])
  if (lost.length > 0) await add(queue, lost, seed)
  return await Promise.all(points.map(async (point, at) => jobs[at] && (await lineOf(jobs[at], point))))
}

/** Has points run by the workers of a queue. @param say tells people that the server is away, or back */
export function onQueue(url: string, say: (text: string) => void): Carrier {
  return async (points, { seed, signal, onDone }) => {
    if (points.some(namesFile))
      throw new RingferryError(
        'USAGE',
        '--queue: arrivals of kind trace name a file that other machines do not have; run it without --queue',
      )
    const { Queue } = await import('bullmq')
    const connection = new QueueConnection(url, say)
    const stopped = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    const work = async (): Promise<void> => {
      const queue = new Queue(queueName(), { connection: await connection.open() })
      // Its errors are those of the connection, which tells of them.
      queue.on('error', () => {})
      await add(queue, points, seed)
      let open = [...points]
      while (open.length > 0 && !signal.aborted) {
        const asked = open.slice(0, ASKED)
        const lines = await ask(queue, asked, seed)
        if (signal.aborted) return
        for (const line of lines) if (line) onDone(line)
        const done = new Set(lines.flatMap((line) => line?.id ?? []))
        // Those that others run take turns with those that were not asked for.
        open = [...open.slice(ASKED), ...asked].filter(({ id }) => !done.has(id))
        if (done.size === 0) await sleep(ASK_MS)
      }
    }
    try {
      await Promise.race([work(), connection.failed, stopped])
    } finally {
      connection.close()
    }
  }
}
