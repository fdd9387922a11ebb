/** Text files that people name: configurations, studies. A wrong one costs a line, not the memory of the machine. */
import { closeSync, openSync, readSync } from 'node:fs'
import { RingferryError } from '../errors/errors.js'

/** Far beyond any file that a person writes; half of what the API takes, in which text may double by escapes. */
export const MAX_TEXT_BYTES = 512 * 1024

function readBounded(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(MAX_TEXT_BYTES + 1)
    let length = 0
    // A pipe gives what it has; /dev/zero never ends.
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null)
    return bytes.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}

/**
 * The text of a file. Throws NOT_FOUND, PERMISSION, USAGE (a folder) and CONFIG (too large, no UTF-8).
 * @param what how errors call such a file: "configuration file"
 */
export function readTextFile(path: string, what: string): string {
  let bytes: Buffer
  try {
    bytes = readBounded(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new RingferryError('NOT_FOUND', `${path}: there is no such ${what}`, { cause })
    if (code === 'EISDIR')
      throw new RingferryError('USAGE', `${path}: is a folder; give a ${what}`, { cause })
    throw new RingferryError('PERMISSION', `${path}: cannot be read (${code}); make it readable`, { cause })
  }
  if (bytes.length > MAX_TEXT_BYTES)
    throw new RingferryError(
      'CONFIG',
      `${path}: is larger than ${MAX_TEXT_BYTES / 1024} KiB, which no ${what} is`,
    )
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new RingferryError('CONFIG', `${path}: is not UTF-8 text; give a ${what}`, { cause })
  }
}
