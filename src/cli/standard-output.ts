/**
 * What happens when standard output or standard error cannot be written any more: `ringferry ... | head`, a terminal
 * that was closed, a disk that is full. The first failure counts; whoever has something to clean up is told of it.
 */
import { constants } from 'node:os'
import { ERRORS } from '../errors/errors.js'

/** What a shell reports of a program that a signal ended: the exit code that others have when a pipe's reader is gone. */
const BROKEN_PIPE_EXIT = 128 + constants.signals.SIGPIPE
/** Nobody reads any more: a pipe without reader, a terminal that hung up. */
const NO_READER: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET', 'EIO'])

const listeners = new Set<() => void>()
/** Set at the first failure; it is the program's from then on. */
let exitCode: number | undefined

function onOutputError(error: NodeJS.ErrnoException): void {
  if (exitCode !== undefined) return
  exitCode = BROKEN_PIPE_EXIT
  if (!NO_READER.has(error.code)) {
    exitCode = ERRORS.SYSCALL.exit
    process.stderr.write(`ringferry: standard output cannot be written (${error.code})\n`)
  }
  // Nothing to clean up: what is still to be computed would be for nobody.
  if (listeners.size === 0) process.exit(exitCode)
  for (const listener of listeners) listener()
}

/** Watches both streams from now on. What standard error does not take is lost: there is nobody to tell. */
export function watchOutput(): void {
  process.stdout.on('error', onOutputError)
  process.stderr.on('error', () => {})
  process.on('exit', () => {
    process.exitCode = exitCode ?? process.exitCode
  })
}

/** Has a listener called once when standard output cannot be written; the program does not end by itself then. */
export function whenOutputFails(listener: () => void): void {
  listeners.add(listener)
  if (exitCode !== undefined) listener()
}
