/** Where a switch listens for its commands unless it is told, and where they look for it. */
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { RingferryError } from '../errors/errors.js'

/** Names the socket for a switch and its commands alike. */
export const CONTROL_VARIABLE = 'RINGFERRY_CONTROL'

const FILE = 'ringferry.sock'
const SYSTEM_PATH = `/run/ringferry/${FILE}`
/** Members of a group that the socket is given to must get through; others find a socket that they may not open. */
const SYSTEM_FOLDER_MODE = 0o755
const USER_FOLDER_MODE = 0o700

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The control socket of this user: what the environment says, else below the folder that systemd or the login gives for
 * such files. Source: systemd.exec(5), RuntimeDirectory=; XDG Base Directory Specification.
 */
export function defaultControlPath(
  environment: Environment = process.env,
  uid = process.getuid?.() ?? 0,
): string {
  const named = environment[CONTROL_VARIABLE]
  if (named) return named
  // Of several folders the first is the service's own.
  const [runtime] = (environment.RUNTIME_DIRECTORY ?? '').split(':')
  if (runtime) return `${runtime}/${FILE}`
  if (environment.XDG_RUNTIME_DIR) return `${environment.XDG_RUNTIME_DIR}/ringferry/${FILE}`
  return uid === 0 ? SYSTEM_PATH : `/tmp/ringferry-${uid}/${FILE}`
}

/** Where a command finds a switch: this user's own, else the one that the host has as a service, to whose group the user may belong. */
export function foundControlPath(
  environment: Environment = process.env,
  uid = process.getuid?.() ?? 0,
  exists: (path: string) => boolean = existsSync,
): string {
  const own = defaultControlPath(environment, uid)
  const isOwn = Boolean(environment[CONTROL_VARIABLE]) || exists(own)
  return isOwn || !exists(SYSTEM_PATH) ? own : SYSTEM_PATH
}

/**
 * Makes the folder of the default socket. Throws PERMISSION when it cannot be made, or is another user's: in /tmp anybody
 * may have made it first.
 */
export function makeControlFolder(path: string): void {
  const folder = dirname(path)
  const uid = process.getuid?.() ?? 0
  const mode = folder.startsWith('/run/ringferry') ? SYSTEM_FOLDER_MODE : USER_FOLDER_MODE
  const advice = 'name another socket with --control PATH'
  try {
    mkdirSync(folder, { recursive: true, mode })
    const { uid: owner, mode: found } = lstatSync(folder)
    const isShared = folder.startsWith('/tmp/') && (owner !== uid || (found & 0o022) !== 0)
    if (!isShared && lstatSync(folder).isDirectory()) return
  } catch (cause) {
    throw new RingferryError('PERMISSION', `${folder}: cannot be made for the control socket; ${advice}`, {
      cause,
    })
  }
  throw new RingferryError('PERMISSION', `${folder}: is not this user's own folder; ${advice}`)
}
