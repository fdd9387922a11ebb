import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { planeModule } from '../engine/plane-module.js'
import { checkQueueUrl } from '../experiment/queue-connection.js'
import { checkThreadCount, serveQueue } from '../experiment/queue-worker.js'
import { Interruption } from './interruption.js'
import { wholeNumber } from './options.js'
import { printJson } from './output.js'

interface WorkerOptions {
  readonly queue: string
  readonly workers?: number
  readonly json?: boolean
}

async function simWorker({ queue, json, workers = availableParallelism() }: WorkerOptions): Promise<void> {
  const { signal } = new Interruption()
  await serveQueue({
    ...{ url: checkQueueUrl(queue), plane: planeModule(), threads: checkThreadCount(workers), signal },
    say: (text) => {
      if (json) printJson({ time: new Date().toISOString(), text })
      else process.stderr.write(`${text}\n`)
    },
  })
  // Connections to a server that is away would be tried for ever.
  process.exit(0)
}

/** `ringferry sim worker`: one of many machines that run a sweep. */
export function addSimWorker(sim: Command): void {
  sim
    .command('worker')
    .description(
      'runs points of sweeps that are given to a queue (sim sweep --queue), until it is ended; a point at hand goes to another worker then',
    )
    .requiredOption('--queue <url>', 'Redis: redis://HOST:6379, rediss://HOST or unix:/PATH')
    .option('--workers <number>', 'threads; default: one a processor', wholeNumber)
    .option('--json', 'what happens as JSON lines')
    .addHelpText('after', '\nExamples:\n  ringferry sim worker --queue redis://sweeps.example:6379')
    .action(simWorker)
}
