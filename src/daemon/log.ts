/** What the switch says of its own doings: JSON lines on standard error, by pino. Guests cannot cause a line. */
import pino from 'pino'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STANDARD_ERROR = 2

export type Log = pino.Logger

/** @param level the least important that is said */
export function makeLog(level: LogLevel = 'warn'): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: STANDARD_ERROR, sync: true }),
  )
}
