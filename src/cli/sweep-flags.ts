/** Flags of all commands that run many points, and how those are run. */
import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { planeModule } from '../engine/plane-module.js'
import { RingferryError } from '../errors/errors.js'
import { checkQueueUrl } from '../experiment/queue-connection.js'
import { checkThreadCount } from '../experiment/queue-worker.js'
import type { SweepLine } from '../experiment/sweep-job.js'
import type { SweepPoint } from '../experiment/sweep-points.js'
import { onQueue } from '../experiment/sweep-queue.js'
import { runSweep } from '../experiment/sweep-run.js'
import { onThreads } from '../experiment/sweep-threads.js'
import { Interruption } from './interruption.js'
import { Progress, shortTime } from './lab-progress.js'
import { wholeNumber } from './options.js'

export interface SweepFlags {
  readonly seed?: number
  readonly workers?: number
  readonly queue?: string
}

export const DEFAULT_SEED = 1

export function addSweepFlags(command: Command): Command {
  return command
    .option('--seed <number>', 'of all chance; default 1', wholeNumber)
    .option('--workers <number>', 'threads; default: one a processor', wholeNumber)
    .option('--queue <url>', 'has points run by "ringferry sim worker" on any machines: redis://HOST:6379')
}

/** Runs points with progress on standard error. @param file where lines go, and from where a sweep goes on */
export async function sweepWithProgress(
  points: readonly SweepPoint[],
  file: string,
  { seed = DEFAULT_SEED, workers, queue }: SweepFlags,
): Promise<SweepLine[]> {
  if (queue !== undefined && workers !== undefined)
    throw new RingferryError('USAGE', '--workers: with --queue each worker says how many threads it has')
  const progress = new Progress(process.stderr)
  const carrier =
    queue === undefined
      ? onThreads(planeModule(), checkThreadCount(workers ?? availableParallelism()))
      : onQueue(checkQueueUrl(queue), (text) => progress.line(text))
  const interruption = new Interruption()
  const startMs = performance.now()
  try {
    return await runSweep(points, {
      ...{ seed, carrier, file, signal: interruption.signal },
      onLine: (_, done, todo) => {
        const left = ((performance.now() - startMs) / done / 1000) * (todo - done)
        progress.status(`${done} of ${todo} points, about ${shortTime(left)} left`)
      },
    })
  } finally {
    progress.end()
  }
}
