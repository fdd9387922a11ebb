/**
 * The folder of a run: run.jsonl, one record a line, each on the disk before the next cell begins. A line that was
 * being written when the machine or the lab died is cut off when the run goes on; anything else that is not a record
 * is an error, never skipped.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { check, firstMistake } from '../../config/schema-check.js'
import { RingferryError } from '../../errors/errors.js'
import { unwritable } from '../../sys/output-file.js'
import { type LabRecord, type RunHeader, recordSchema } from '../record/record.js'
import { type RunLock, takeRunLock } from './lock.js'

export const RUN_FILE = 'run.jsonl'

export interface StoredRun {
  readonly folder: string
  readonly header: RunHeader
  /** All after the header, in the order of the file. */
  readonly records: readonly LabRecord[]
  /** Bytes of the file up to the end of the last whole line. */
  readonly wholeBytes: number
  /** Bytes of a last line that was not written to its end; 0: none. */
  readonly tornBytes: number
}

function readBytes(folder: string): Buffer {
  const file = join(folder, RUN_FILE)
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new RingferryError('NOT_FOUND', `${folder}: no run of the lab (it has no ${RUN_FILE})`, { cause })
    throw new RingferryError('PERMISSION', `${file}: cannot be read (${code})`, { cause })
  }
}

function parseRecord(line: string, place: string): LabRecord {
  let data: unknown
  try {
    data = JSON.parse(line)
  } catch (cause) {
    throw new RingferryError('CONFIG', `${place}: not JSON; the file was changed by something else`, {
      cause,
    })
  }
  const { value, mistakes } = check(recordSchema, data, 'it')
  if (mistakes)
    throw new RingferryError('CONFIG', `${place}: not a record of the lab (${firstMistake(mistakes, 'it')})`)
  return value
}

/** Reads a run. Throws NOT_FOUND, PERMISSION, CONFIG (with the number of the line). Changes nothing. */
export function readRun(folder: string): StoredRun {
  const bytes = readBytes(folder)
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1
  const lines = bytes.toString('utf8', 0, wholeBytes).split('\n').slice(0, -1)
  const file = join(folder, RUN_FILE)
  const all = lines.map((line, index) => parseRecord(line, `${file}:${index + 1}`))
  const [header, ...records] = all
  if (header?.type !== 'run')
    throw new RingferryError(
      'CONFIG',
      `${file}:1: the header is missing; nothing was measured, start a new run`,
    )
  const second = records.findIndex((record) => record.type === 'run')
  if (second >= 0) throw new RingferryError('CONFIG', `${file}:${second + 2}: a second header`)
  return { folder, header, records, wholeBytes, tornBytes: bytes.length - wholeBytes }
}

/** A run that is being written. One process at a time. */
export class RunStore {
  readonly folder: string
  readonly #lock: RunLock
  readonly #fd: number

  private constructor(folder: string, lock: RunLock, flags: string) {
    this.folder = folder
    this.#lock = lock
    this.#fd = openSync(join(folder, RUN_FILE), flags)
  }

  /** Starts a run in a folder that has none. Throws BUSY, PERMISSION. */
  static async create(folder: string, header: RunHeader): Promise<RunStore> {
    try {
      mkdirSync(folder, { recursive: true })
    } catch (cause) {
      throw unwritable(folder, cause)
    }
    const lock = await takeRunLock(folder)
    try {
      const store = new RunStore(folder, lock, 'ax')
      store.append(header)
      return store
    } catch (cause) {
      await lock.release()
      if (cause instanceof RingferryError) throw cause
      const { code } = cause as NodeJS.ErrnoException
      if (code === 'EEXIST')
        throw new RingferryError(
          'BUSY',
          `${folder}: there is a run already; go on with it by --resume ${folder}, or choose another folder`,
          { cause },
        )
      throw unwritable(folder, cause)
    }
  }

  /** Goes on with a run; a torn last line is cut off. Throws BUSY, NOT_FOUND, PERMISSION, CONFIG. */
  static async resume(folder: string): Promise<{ readonly store: RunStore; readonly before: StoredRun }> {
    readBytes(folder)
    const lock = await takeRunLock(folder)
    try {
      const before = readRun(folder)
      if (before.tornBytes > 0) truncateSync(join(folder, RUN_FILE), before.wholeBytes)
      return { store: new RunStore(folder, lock, 'a'), before }
    } catch (error) {
      await lock.release()
      throw error instanceof RingferryError ? error : unwritable(join(folder, RUN_FILE), error)
    }
  }

  /** Writes a record and waits until the disk has it. Throws CONFIG for what could not be read back, e.g. a NaN. */
  append(record: LabRecord): void {
    const line = JSON.stringify(record)
    parseRecord(line, `a ${record.type} for ${join(this.folder, RUN_FILE)}`)
    try {
      writeSync(this.#fd, `${line}\n`)
      fsyncSync(this.#fd)
    } catch (cause) {
      throw unwritable(join(this.folder, RUN_FILE), cause)
    }
  }

  async close(): Promise<void> {
    closeSync(this.#fd)
    await this.#lock.release()
  }
}
