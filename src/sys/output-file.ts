/** Files that people name for results: what is wrong with one is said in one form, before the work where it can be. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type ErrorCode, RingferryError } from '../errors/errors.js'

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EACCES: ['PERMISSION', 'choose another'],
  EPERM: ['PERMISSION', 'choose another'],
  EROFS: ['PERMISSION', 'choose another'],
  ENOENT: ['NOT_FOUND', 'its folder is not there'],
  ENOTDIR: ['USAGE', 'what stands before a "/" is no folder'],
  EEXIST: ['USAGE', 'what stands before a "/" is no folder'],
  EISDIR: ['USAGE', 'it is a folder; give a file'],
  ENOSPC: ['SYSCALL', 'the disk is full'],
}

/** The error for a file that could not be written. @param cause as the system says it */
export function unwritable(file: string, cause: unknown): RingferryError {
  const { code = String(cause) } = cause as NodeJS.ErrnoException
  const [kind, advice] = CODES[code] ?? ['SYSCALL', 'choose another']
  return new RingferryError(kind, `${file}: cannot be written (${code}): ${advice}`, { cause })
}

function refuseFolder(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
}

/** Throws what would keep a file from being written, folders that are not there yet made: PERMISSION, USAGE. */
export function checkWritable(file: string): void {
  try {
    refuseFolder(file)
    if (existsSync(file)) {
      accessSync(file, constants.W_OK)
      return
    }
    let folder = dirname(resolve(file))
    while (statSync(folder, { throwIfNoEntry: false }) === undefined) folder = dirname(folder)
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unwritable(file, cause)
  }
}

/**
 * Writes a file that is there whole or not at all, its folder made. What is no plain file (/dev/stdout, a pipe) is
 * written as it is. Throws PERMISSION, USAGE, SYSCALL.
 */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const fresh = `${file}.${process.pid}.tmp`
  try {
    refuseFolder(file)
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
      writeFileSync(file, content)
      return
    }
    mkdirSync(dirname(file), { recursive: true })
    try {
      writeFileSync(fresh, content)
      renameSync(fresh, file)
    } catch (cause) {
      if (existsSync(fresh)) rmSync(fresh, { force: true })
      throw cause
    }
  } catch (cause) {
    throw unwritable(file, cause)
  }
}
