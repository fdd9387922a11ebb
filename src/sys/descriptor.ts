/**
 * What a descriptor from a peer is, found out without asking its file system: a file of FUSE answers when its server
 * likes to, and a thread that waits for it (reading its size or kind, closing it, touching a page of it) cannot be
 * interrupted. Everything here is answered by the kernel alone.
 */
import { close, readFileSync, readlinkSync } from 'node:fs'
import { check, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const F_GETFL = 3
const F_SETFL = 4
const F_GET_SEALS = 1034
const F_SEAL_WRITE = 8
const F_SEAL_FUTURE_WRITE = 16
const O_ACCMODE = 3
const O_WRONLY = 1
const O_RDWR = 2
const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
const O_PATH = 0x200000
const AT_EMPTY_PATH = 0x1000
const F_DUPFD_CLOEXEC = 1030
/** Behind standard input, output and error. */
const FIRST_OWN_FD = 3
const AT_STATX_DONT_SYNC = 0x4000
/** struct statx. Source: uapi/linux/stat.h. */
const STATX_BYTES = 256
const STX_MODE = 28
const STX_INO = 32
const STX_DEV_MAJOR = 136
const STX_DEV_MINOR = 140
const STX_MNT_ID = 144
const S_IFMT = 0xf000
const S_IFREG = 0x8000

/** File systems without a device that keep their pages on this machine. */
const LOCAL = new Set(['tmpfs', 'devtmpfs', 'ramfs', 'hugetlbfs', 'overlay', 'btrfs', 'zfs', 'bcachefs'])
const EVENTFD = 'anon_inode:[eventfd]'
const ADVICE = 'use memfd, tmpfs (/dev/shm) or hugetlbfs'

/** What the kernel calls an open file: a path, or "anon_inode:[eventfd]", "pipe:[123]", "socket:[123]". */
function nameOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

/** The kinds of file systems in this mount namespace, by device ("8:1") and by mount ("mount 27"). */
function mounts(): Map<string, string> {
  const kinds = new Map<string, string>()
  for (const line of readFileSync('/proc/self/mountinfo', 'latin1').split('\n')) {
    const [mount = '', , device = ''] = line.split(' ')
    const kind = / - (\S+)/.exec(line)?.[1]
    if (kind === undefined) continue
    kinds.set(device, kind)
    kinds.set(`mount ${mount}`, kind)
  }
  return kinds
}

interface FileFacts {
  readonly isRegular: boolean
  readonly hasDevice: boolean
  /** Name of the file system's kind; undefined: mounted in another namespace. */
  readonly kind: string | undefined
}

let scratch: NativeBuffer | undefined

function factsOf(fd: number): FileFacts | undefined {
  // One buffer for all calls: a loop that never yields frees no buffer's JavaScript side.
  scratch ??= new NativeBuffer(STATX_BYTES)
  if (libc.statx(fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, scratch.address) < 0) return undefined
  const { data } = scratch
  const major = data.getUint32(STX_DEV_MAJOR, true)
  const kinds = mounts()
  const kind =
    kinds.get(`${major}:${data.getUint32(STX_DEV_MINOR, true)}`) ??
    kinds.get(`mount ${data.getBigUint64(STX_MNT_ID, true)}`)
  return { isRegular: (data.getUint16(STX_MODE, true) & S_IFMT) === S_IFREG, hasDevice: major !== 0, kind }
}

/** Another descriptor of what one stands for, closed by exec; negative: there is none left. */
export function tryDuplicate(fd: number): number {
  return libc.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD)
}

/** The same. Throws SYSCALL. */
export function duplicate(fd: number): number {
  return check(tryDuplicate(fd), 'duplicating a descriptor')
}

/**
 * What is the same for two descriptors exactly if either does what the other does: the same file, opened for the same, or
 * the same eventfd. undefined: not known. To be asked after slowness().
 */
export function fileIdentity(fd: number): string | undefined {
  const access = libc.fcntl(fd, F_GETFL, 0) & O_ACCMODE
  if (isEventfd(fd)) {
    const [, id] = /^eventfd-id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    return id && `eventfd ${id}`
  }
  if (nameOf(fd).startsWith('anon_inode:') || factsOf(fd) === undefined || !scratch) return undefined
  const { data } = scratch
  const device = `${data.getUint32(STX_DEV_MAJOR, true)}:${data.getUint32(STX_DEV_MINOR, true)}`
  return `${device} ${data.getBigUint64(STX_INO, true)} ${access}`
}

/** Whether a file is on tmpfs or hugetlbfs, as every memfd is: only those have seals. */
function hasSeals(fd: number): boolean {
  return libc.fcntl(fd, F_GET_SEALS, 0) >= 0
}

/**
 * Why whoever holds a descriptor may have to wait for its file system, or undefined: it is memory, a pipe, a socket, an
 * eventfd, or a file on a disk of this machine.
 */
export function slowness(fd: number): string | undefined {
  if (hasSeals(fd) || !nameOf(fd).startsWith('/') || (libc.fcntl(fd, F_GETFL, 0) & O_PATH) !== 0)
    return undefined
  const facts = factsOf(fd)
  if (!facts?.isRegular) return undefined
  const { kind, hasDevice } = facts
  if (kind === undefined ? hasDevice : LOCAL.has(kind) || (hasDevice && !kind.startsWith('fuse')))
    return undefined
  return `a file on ${kind ?? 'a file system of another mount namespace'} can make the switch wait; ${ADVICE}`
}

/** Why a file cannot be guest memory, or undefined. To be asked after slowness(). */
export function memoryProblem(fd: number): string | undefined {
  const flags = libc.fcntl(fd, F_GETFL, 0)
  if (flags < 0 || (flags & O_PATH) !== 0) return `its descriptor opens no file; ${ADVICE}`
  if ((flags & O_ACCMODE) !== O_RDWR) return 'its file is open for reading or writing alone; open it for both'
  const seals = libc.fcntl(fd, F_GET_SEALS, 0)
  if (seals >= 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0)
    return 'its file is sealed against writing'
  return seals >= 0 || factsOf(fd)?.isRegular ? undefined : `it is no memory file; ${ADVICE}`
}

/**
 * Closes a descriptor from a peer, without waiting for it where its file system may make us: another thread does then.
 */
export function discardFd(fd: number): void {
  if (slowness(fd) === undefined) libc.close(fd)
  else close(fd, () => {})
}

export function isEventfd(fd: number): boolean {
  return nameOf(fd) === EVENTFD
}

/**
 * Makes reads and writes of an open file return at once, for every holder of the same open file: a peer can undo it.
 * Returns whether that could be done.
 */
export function setNonBlocking(fd: number): boolean {
  const flags = libc.fcntl(fd, F_GETFL, 0)
  return flags >= 0 && libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK) === 0
}

/**
 * The descriptor by which a frontend is called, from the one that it handed over, which belongs to the result from now
 * on: an eventfd, one end of a socket pair (Linux UML: vu_setup_vq_call_fd in arch/um/drivers/virtio_uml.c), or the
 * write end of a pipe, which is opened anew so that nobody else can make it block. -1: none of them, and still the
 * caller's.
 */
export function callDescriptor(fd: number): number {
  const name = nameOf(fd)
  if (name === EVENTFD || name.startsWith('socket:')) return setNonBlocking(fd) ? fd : -1
  if (!name.startsWith('pipe:')) return -1
  const own = libc.open(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0)
  // A pipe of another user cannot be opened.
  if (own < 0) return setNonBlocking(fd) ? fd : -1
  libc.close(fd)
  return own
}
