/** Whether somebody can be reached on a Unix socket, found out without a connection that the other side would see. */
import { lstatSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { type ErrorCode, RingferryError } from '../errors/errors.js'
import { errnoName } from './libc.js'
import { tryConnect } from './unix-socket.js'

const { EACCES, ECONNREFUSED, ENOENT, ENOTDIR, EPERM, EPROTOTYPE, ELOOP } = constants.errno
const SOCK_DGRAM = 2

/** Whose a file is, in words; empty when even that may not be seen. */
function ownership(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path)
    return ` (user ${uid}, group ${gid}, mode ${(mode & 0o777).toString(8).padStart(4, '0')})`
  } catch {
    return ' (nor be seen: a folder above it is closed)'
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}

function refusal(path: string, error: number): readonly [ErrorCode, string] {
  switch (error) {
    case ENOENT:
      return ['NOT_FOUND', isLink(path) ? 'a symbolic link to nothing' : 'there is no such socket']
    case ENOTDIR:
    case ELOOP:
      return ['NOT_FOUND', 'what stands before the last "/" is no folder']
    case EACCES:
    case EPERM:
      return ['PERMISSION', `this user may not open the socket${ownership(path)}`]
    case ECONNREFUSED:
      // It may be gone by now.
      if (statSync(path, { throwIfNoEntry: false })?.isSocket() === false)
        return ['USAGE', 'this is no socket']
      return ['NOT_FOUND', 'the socket is there, but nobody listens any more']
    default:
      return ['SYSCALL', `cannot connect (${errnoName(error)})`]
  }
}

/**
 * Why nobody can be reached on a socket: the code of the error and the words; undefined when somebody listens.
 * A socket of the other type is tried: the kernel judges path, permission and whether the socket lives before it
 * refuses the type, and the listener hears nothing. Source: Linux net/unix/af_unix.c, unix_find_bsd.
 */
export function whyUnreachable(path: string): readonly [ErrorCode, string] | undefined {
  // A variable that is not set. The kernel takes it for an abstract socket.
  if (path === '') return ['USAGE', 'the path is empty']
  const result = tryConnect(path, SOCK_DGRAM)
  return result === -EPROTOTYPE ? undefined : refusal(path, -result)
}

/**
 * Throws what keeps this program from a socket: NOT_FOUND, PERMISSION, USAGE (no socket).
 * @param start how a listener is started, for an absent one: "ringferry up --control PATH"
 */
export function checkReachable(path: string, start: string): void {
  const why = whyUnreachable(path)
  if (why === undefined) return
  const [code, text] = why
  const advice: Partial<Record<ErrorCode, string>> = {
    NOT_FOUND: `start the switch first: ${start}`,
    PERMISSION:
      'run as its owner, or give the socket a socketMode and socketGroup where the switch is started',
    USAGE: "give the path of the switch's socket",
  }
  throw new RingferryError(code, `${path}: ${text}${advice[code] === undefined ? '' : `; ${advice[code]}`}`)
}
