import { RingferryError } from '../errors/errors.js'
import { EACCES, ENOENT, EPERM, errno, libc, syscallError } from './libc.js'

const O_RDWR = 2
export const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000

/**
 * Opens one of Xen's devices. Throws NOT_FOUND where it is missing, PERMISSION without root.
 * @param flags O_* besides reading and writing
 */
export function openXenDevice(path: string, flags = 0): number {
  const fd = libc.open(path, O_RDWR | O_CLOEXEC | flags, 0)
  if (fd >= 0) return fd
  const error = errno()
  if (error === ENOENT)
    throw new RingferryError(
      'NOT_FOUND',
      `${path} is missing: xen ports need a domain of Xen with its devices; "ringferry doctor" says what to do`,
    )
  if (error === EPERM || error === EACCES)
    throw new RingferryError('PERMISSION', `${path} cannot be opened: xen ports need root; run as root`)
  throw syscallError(error, `opening ${path}`)
}
