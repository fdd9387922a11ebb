/** Who may connect to a listening socket: mode, owner and group of its file. */
import { chmodSync, chownSync, closeSync, constants, openSync } from 'node:fs'
import { RingferryError } from '../errors/errors.js'
import { libc, viewOf } from './libc.js'

/** Who may use a socket: permissions and owners of its file. */
export interface SocketAccess {
  /** Permissions in octal, "0660". Default: what the umask leaves. */
  readonly socketMode?: string
  /** A user's name or number. Default: the user that runs the switch. */
  readonly socketOwner?: string
  /** A group's name or number. */
  readonly socketGroup?: string
}

const O_PATH = 0o10000000
/** Where the numbers lie in struct passwd and struct group: behind two pointers. Source: glibc pwd.h, grp.h. */
const ID_AT = 16
const ID_BYTES = 4
const KEEP_ID = -1

/** The number of a user or group. Throws NOT_FOUND. */
function accountId(kind: 'user' | 'group', name: string | undefined): number {
  if (name === undefined) return KEEP_ID
  if (/^\d+$/.test(name)) return Number(name)
  const entry = Number(kind === 'user' ? libc.getpwnam(name) : libc.getgrnam(name))
  if (entry === 0) {
    const [setting, base] = kind === 'user' ? ['socketOwner', 'passwd'] : ['socketGroup', 'group']
    throw new RingferryError(
      'NOT_FOUND',
      `${setting} "${name}": this machine has no such ${kind}; see getent ${base}`,
    )
  }
  return new DataView(viewOf(entry, ID_AT + ID_BYTES)).getUint32(ID_AT, true)
}

/** Access in numbers. Throws NOT_FOUND when a user or group is not known here. */
export function resolveAccess({ socketMode, socketOwner, socketGroup }: SocketAccess): {
  readonly mode: number | undefined
  readonly owner: number
  readonly group: number
} {
  return {
    mode: socketMode === undefined ? undefined : Number.parseInt(socketMode, 8),
    owner: accountId('user', socketOwner),
    group: accountId('group', socketGroup),
  }
}

/**
 * Gives the file of a bound socket its owner, then its mode. The file is held by a descriptor meanwhile, so that
 * nobody who may write to the folder can have another file changed. Throws PERMISSION.
 */
export function giveAccess(path: string, { mode, owner, group }: ReturnType<typeof resolveAccess>): void {
  if (mode === undefined && owner === KEEP_ID && group === KEEP_ID) return
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  try {
    const file = `/proc/self/fd/${fd}`
    if (owner !== KEEP_ID || group !== KEEP_ID) chownSync(file, owner, group)
    if (mode !== undefined) chmodSync(file, mode)
  } catch (cause) {
    throw new RingferryError(
      'PERMISSION',
      `${path}: this user may not give the socket away; run as root, or name a group that this user is in`,
      { cause },
    )
  } finally {
    closeSync(fd)
  }
}
