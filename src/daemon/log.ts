/**
 * What the switch says of its own doings: JSON lines on standard error, by pino. Guests cannot cause a line. Where standard
 * error is the journal, each line begins with its priority, which the journal takes off. Source: sd-daemon(3).
 */
import { fstatSync } from 'node:fs'
import pino from 'pino'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STANDARD_ERROR = 2
/** Priorities of syslog(3) by the least level of pino that has them. */
const PRIORITIES = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
] as const
const DEBUG_PRIORITY = 7

export type Log = pino.Logger

/** Whether a descriptor leads to the journal. Source: systemd.exec(5), $JOURNAL_STREAM. */
export function leadsToJournal(
  fd: number,
  { JOURNAL_STREAM }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (!JOURNAL_STREAM) return false
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return JOURNAL_STREAM === `${dev}:${ino}`
  } catch {
    return false
  }
}

/** Where lines of pino go, each with its priority before it. */
export function withPriorities(write: (line: string) => void): pino.DestinationStream {
  return {
    // pino leaves the level of each line here.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string): void {
      const [, priority = DEBUG_PRIORITY] = PRIORITIES.find(([level]) => this.lastLevel >= level) ?? []
      write(`<${priority}>${line}`)
    },
  } as pino.DestinationStream & { lastLevel: number }
}

/** @param level the least important that is said */
export function makeLog(level: LogLevel = 'warn'): Log {
  const output = pino.destination({ fd: STANDARD_ERROR, sync: true })
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    leadsToJournal(STANDARD_ERROR, process.env) ? withPriorities((line) => output.write(line)) : output,
  )
}
