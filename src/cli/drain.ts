import { type Command, InvalidArgumentError } from 'commander'
import { drain, MAX_DRAIN_MS, resume } from '../daemon/api/routes/drain.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { print, printJson } from './output.js'
import { parseDuration } from './tune.js'

const US_PER_MS = 1_000
/** Frames wait still: they will be lost if the switch ends now. */
const EXIT_WAITING = 1

interface DrainOptions extends ControlOptions {
  readonly limit?: number
}

function limitMs(text: string): number {
  const ms = Math.ceil(parseDuration(text) / US_PER_MS)
  if (ms <= MAX_DRAIN_MS) return ms
  throw new InvalidArgumentError(`give at most ${MAX_DRAIN_MS} ms`)
}

async function drainSwitch({ limit, ...options }: DrainOptions): Promise<void> {
  const query = limit === undefined ? {} : { limitMs: limit }
  const answer = await clientOf(options).call(drain, { query })
  if (!answer.drained) process.exitCode = EXIT_WAITING
  if (options.json) return printJson(answer)
  const left = answer.waiting.map(({ name, frames }) => `${name} ${frames}`).join(', ')
  print(answer.drained ? 'drained: nothing waits any more' : `drained, but frames wait still: ${left}`)
  print('the switch takes no frames until ringferry resume, or a restart')
}

export function addDrain(program: Command): void {
  withControl(
    program
      .command('drain')
      .description('take no new frames, let go what was taken; what guests send waits in their rings')
      .option('--limit <time>', 'how long that may take: 500ms, 2s; 1s unless given', limitMs),
    ['drain', 'drain --limit 3s --json'],
  ).action(drainSwitch)
  withControl(program.command('resume').description('take frames again, after drain'), ['resume']).action(
    async (options: ControlOptions) => {
      const answer = await clientOf(options).call(resume)
      if (options.json) printJson(answer)
      else print('the switch takes frames')
    },
  )
}
