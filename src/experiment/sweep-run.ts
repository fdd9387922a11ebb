/**
 * A sweep. Every point that is done is a line of a file, written before the next one is taken: a sweep that was
 * interrupted goes on where it was, and one that is run again does nothing.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { RingferryError } from '../errors/errors.js'
import { checkWritable, unwritable } from '../sys/output-file.js'
import type { SweepLine } from './sweep-job.js'
import type { SweepPoint } from './sweep-points.js'

/** Lines of a sweep's file; one that was cut off by an interruption is dropped. Throws CONFIG, PERMISSION, USAGE. */
export function readSweep(file: string): SweepLine[] {
  checkWritable(file)
  if (!existsSync(file)) return []
  // A pipe or a device has nothing of before.
  if (!statSync(file).isFile()) return []
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new RingferryError('PERMISSION', `${file}: cannot be read`, { cause })
  }
  const lines = text.split('\n')
  const torn = lines.pop()
  if (torn !== '') writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  return lines.map((line, at) => {
    try {
      const { id, factors, summary, error } = JSON.parse(line) as SweepLine
      if (typeof id === 'string' && (summary !== undefined || error !== undefined))
        return { id, factors, summary, error } as SweepLine
    } catch {}
    throw new RingferryError(
      'CONFIG',
      `${file}:${at + 1}: is no line of a sweep; give another file with --out`,
    )
  })
}

function append(file: string, line: SweepLine): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  } catch (cause) {
    throw unwritable(file, cause)
  }
}

/** What a carrier is told. */
export interface Carriage {
  readonly seed: number
  readonly signal: AbortSignal
  /** A point is done. */
  readonly onDone: (line: SweepLine) => void
}

/** Has points run somewhere, in any order; returns when all are done, or soon after the signal. */
export type Carrier = (points: readonly SweepPoint[], carriage: Carriage) => Promise<void>

/** A sweep as it is run. */
export interface SweepOptions {
  readonly seed: number
  readonly carrier: Carrier
  /** Where lines go; they are read first. */
  readonly file: string
  readonly signal: AbortSignal
  /** After each point that was run. @param done of those that were to do */
  readonly onLine: (line: SweepLine, done: number, todo: number) => void
}

/** Runs what is to do. Returns all lines in the order of the points. Throws INTERRUPTED, with what is done kept. */
export async function runSweep(points: readonly SweepPoint[], options: SweepOptions): Promise<SweepLine[]> {
  const { seed, carrier, file, signal, onLine } = options
  const known = new Map(readSweep(file).map((line) => [line.id, line]))
  // Points may differ in what they stand for alone, and not in their data: one run is enough.
  const todo = [...new Map(points.map((point) => [point.id, point])).values()].filter(
    ({ id }) => !known.has(id),
  )
  let done = 0
  const onDone = (line: SweepLine): void => {
    known.set(line.id, line)
    append(file, line)
    onLine(line, ++done, todo.length)
  }
  if (todo.length > 0) await carrier(todo, { seed, signal, onDone })
  if (signal.aborted)
    throw new RingferryError(
      'INTERRUPTED',
      `interrupted after ${done} of ${todo.length} points; the same command goes on`,
    )
  return points.flatMap(({ id, factors }) => {
    const line = known.get(id)
    return line ? [{ ...line, factors }] : []
  })
}
