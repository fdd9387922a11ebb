/** Takes points from a queue and runs them on threads, until it is told to end. */
import { RingferryError } from '../errors/errors.js'
import { namesFile, QueueConnection, type QueuedPoint, queueName } from './queue-connection.js'
import type { SweepLine } from './sweep-job.js'
import { SweepThread } from './sweep-threads.js'

/** A worker that is not heard of for so long is dead: its jobs go to others. It tells of itself at half of it. */
const LOCK_MS = 6_000
const STALLED_MS = 2_000
/** So many workers may die over a job before it counts as the one who kills them. */
const MOST_STALLS = 5

export interface QueueWorkerOptions {
  readonly url: string
  readonly plane: WebAssembly.Module
  readonly threads: number
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/** Runs jobs until the signal. What it was at then is given to others. Throws PERMISSION. */
export async function serveQueue({ url, plane, threads, signal, say }: QueueWorkerOptions): Promise<void> {
  const connection = new QueueConnection(url, say)
  const idle = Array.from({ length: threads }, () => new SweepThread({ plane }))
  const all = [...idle]
  const run = async ({ point, seed }: QueuedPoint): Promise<SweepLine> => {
    if (namesFile(point)) throw new Error('arrivals of kind trace name a file of another machine')
    const thread = idle.pop()!
    try {
      say(`${point.id}: begins`)
      const line = await thread.run(point, seed, signal)
      if (!line) throw new Error('the worker was told to end')
      say(`${point.id}: ${line.error ?? 'done'}`)
      return line
    } finally {
      idle.push(thread)
    }
  }
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  const { Worker } = await import('bullmq')
  const worker = new Worker<QueuedPoint, SweepLine>(queueName(), ({ data }) => run(data), {
    connection: await connection.open(),
    ...{
      concurrency: threads,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_MS,
      maxStalledCount: MOST_STALLS,
    },
  })
  // Its errors are those of the connection, which tells of them.
  worker.on('error', () => {})
  worker.on('ready', () => say(`takes points of ${queueName()}, ${threads} at a time`))
  try {
    await Promise.race([stopped, connection.failed])
  } finally {
    connection.close()
    await Promise.all(all.map((thread) => thread.end()))
    // What it was at is not closed properly on purpose: its lock runs out, and another worker takes it.
    void worker.close(true).catch(() => {})
  }
}

/** Throws USAGE for a number of threads that cannot be. */
export function checkThreadCount(threads: number): number {
  if (threads >= 1 && threads <= 1024) return threads
  throw new RingferryError('USAGE', `--workers: is ${threads}; it must be from 1 to 1024`)
}
