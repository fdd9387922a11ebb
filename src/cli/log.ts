import type { Command } from 'commander'
import { getLogLevel, setLogLevel } from '../daemon/api/routes/log.js'
import { LOG_LEVELS, type LogLevel } from '../daemon/log.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { print, printJson } from './output.js'

function levelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text)
  if (level) return level
  throw new RingferryError(
    'USAGE',
    `log level: ${text} is not one of ${LOG_LEVELS.join(', ')}${didYouMean(text, LOG_LEVELS)}`,
  )
}

export function addLog(program: Command): void {
  const log = program.command('log').description('what the running switch logs on its standard error')
  withControl(
    log
      .command('level')
      .description('show the level, or change it until the restart')
      .argument('[level]', LOG_LEVELS.join(', ')),
    ['log level', 'log level debug'],
  ).action(async (text: string | undefined, options: ControlOptions) => {
    const client = clientOf(options)
    const answer =
      text === undefined
        ? await client.call(getLogLevel)
        : await client.call(setLogLevel, { body: { level: levelOf(text) } })
    if (options.json) printJson(answer)
    else print(answer.level)
  })
}
