/** The token that TCP clients show who may change the switch. */
import { randomBytes } from 'node:crypto'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { readTextFile } from '../../config/text-file.js'
import { RingferryError } from '../../errors/errors.js'

const TOKEN_BYTES = 32
/** What can be guessed is none. */
const MIN_LENGTH = 16
const OTHERS = 0o007

/** The token in a file. Throws what readTextFile does, PERMISSION when others may read it, USAGE when it is none. */
export function readToken(path: string): string {
  const text = readTextFile(path, 'token file').trim()
  if ((statSync(path).mode & OTHERS) !== 0)
    throw new RingferryError('PERMISSION', `${path}: everybody may read the token; chmod 600 ${path}`)
  if (text.length < MIN_LENGTH || /\s/.test(text))
    throw new RingferryError('USAGE', `${path}: a token is one word of at least ${MIN_LENGTH} characters`)
  return text
}

/** Makes a token and keeps it in a file of its owner's, replacing one of before. Throws PERMISSION. */
export function makeToken(path: string): string {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  try {
    rmSync(path, { force: true })
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new RingferryError(
      'PERMISSION',
      `${path}: the token cannot be written (${code}); give --token-file`,
      { cause },
    )
  }
  return token
}
