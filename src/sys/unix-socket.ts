import { existsSync, lstatSync, statSync, unlinkSync } from 'node:fs'
import { RingferryError } from '../errors/errors.js'
import { discardFd } from './descriptor.js'
import {
  check,
  EACCES,
  EAGAIN,
  ECONNABORTED,
  ECONNREFUSED,
  EINTR,
  ENOENT,
  errno,
  errnoName,
  libc,
  syscallError,
} from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { giveAccess, resolveAccess, type SocketAccess } from './socket-access.js'

const AF_UNIX = 1
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_PEEK = 0x2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const MSG_CTRUNC = 0x8
const FIONREAD = 0x541b
const TIOCOUTQ = 0x5411
const PATH_BYTES = 108
const MAX_FDS = 64

/** Layout of the scratch memory: address, msghdr, iovec, control message, data. */
const ADDR = 0
const MSGHDR = 128
const IOVEC = 192
const CONTROL = 256
const CONTROL_BYTES = 16 + MAX_FDS * 4
const DATA = 1024
const MAX_MESSAGE_BYTES = 16384

let memory: NativeBuffer | undefined
function scratch(): NativeBuffer {
  memory ??= new NativeBuffer(DATA + MAX_MESSAGE_BYTES)
  return memory
}

/** Writes a sockaddr_un. Returns its length. */
function writeAddress(path: string): number {
  const bytes = Buffer.from(path)
  if (bytes.length >= PATH_BYTES)
    throw new RingferryError(
      'USAGE',
      `${path}: a Unix socket's path has at most ${PATH_BYTES - 1} bytes; choose a shorter one`,
    )
  const buffer = scratch()
  buffer.data.setUint16(ADDR, AF_UNIX, true)
  buffer.bytes.fill(0, ADDR + 2, ADDR + 2 + PATH_BYTES)
  buffer.bytes.set(bytes, ADDR + 2)
  return 2 + bytes.length + 1
}

function newSocket(type: number): number {
  return check(libc.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'creating a Unix socket')
}

/** Tries to connect a socket of a type. Returns the file descriptor, or the negated errno. */
export function tryConnect(path: string, type: number = SOCK_STREAM): number {
  const length = writeAddress(path)
  const fd = newSocket(type)
  if (libc.connect(fd, scratch().address + ADDR, length) === 0) return fd
  const error = errno()
  libc.close(fd)
  return -error
}

/** Whether a path is a link to a file that is not there: it exists for bind(2) and for nobody else. */
function isDanglingLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink() && !existsSync(path)
  } catch {
    return false
  }
}

/** Why no socket could be made at a path. */
function bindRefused(path: string, error: number): RingferryError {
  if (error === ENOENT)
    return new RingferryError('NOT_FOUND', `${path}: its folder does not exist; create it first`)
  if (errnoName(error) === 'ENOTDIR')
    return new RingferryError(
      'NOT_FOUND',
      `${path}: what should be its folder is a file; choose another path`,
    )
  const refused = syscallError(error, path)
  return new RingferryError(
    refused.code,
    `${path}: cannot create the socket (${errnoName(error)}); choose a folder you may write to`,
  )
}

/**
 * A Unix socket bound to a path. A stale socket file (nobody is there) is replaced; a live one is an error.
 * Throws USAGE (longer than 107 bytes), BUSY, NOT_FOUND (missing folder, unknown user or group), PERMISSION.
 * @param access who may connect, or send; at no moment may anybody else
 */
export function bindUnix(path: string, access: SocketAccess, type: number): number {
  const wanted = resolveAccess(access)
  writeAddress(path)
  if (isDanglingLink(path))
    throw new RingferryError(
      'BUSY',
      `${path}: is a link to a file that is not there; remove the link or choose another path`,
    )
  if (existsSync(path)) {
    // Connecting to an ordinary file is refused like connecting to a stale socket: it must not be removed.
    if (!statSync(path).isSocket())
      throw new RingferryError('BUSY', `${path}: exists and is no socket; remove it or choose another path`)
    const probe = tryConnect(path, type)
    if (probe >= 0) {
      libc.close(probe)
      throw new RingferryError(
        'BUSY',
        `${path}: another program listens on this socket; stop it or choose another path`,
      )
    }
    if (probe === -EACCES)
      throw new RingferryError(
        'PERMISSION',
        `${path}: a socket is there that you may not connect to; remove it or choose another path`,
      )
    if (probe !== -ECONNREFUSED)
      throw new RingferryError(
        'BUSY',
        `${path}: exists and is no free socket (${errnoName(-probe)}); remove it or choose another path`,
      )
    unlinkSync(path)
  }
  const length = writeAddress(path)
  const fd = newSocket(type)
  // The mode of an unbound socket bounds that of its file from the first moment on (Linux net/unix/af_unix.c,
  // unix_bind_bsd); what the umask took comes back below, before anybody can connect.
  if (wanted.mode !== undefined) check(libc.fchmod(fd, wanted.mode), `setting the mode of ${path}`)
  if (libc.bind(fd, scratch().address + ADDR, length) < 0) {
    const error = errno()
    libc.close(fd)
    throw bindRefused(path, error)
  }
  try {
    giveAccess(path, wanted)
    if (type === SOCK_STREAM) check(libc.listen(fd, 16), `listening on ${path}`)
  } catch (error) {
    libc.close(fd)
    unlinkSync(path)
    throw error
  }
  return fd
}

/** A listening Unix stream socket. Throws as bindUnix(). @param access who may connect */
export function listenUnix(path: string, access: SocketAccess = {}): number {
  return bindUnix(path, access, SOCK_STREAM)
}

/** Accepts a connection (non-blocking). Returns the negated errno when it cannot: -EAGAIN when none waits. */
export function acceptUnix(fd: number): number {
  while (true) {
    const accepted = libc.accept4(fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if (accepted >= 0) return accepted
    const error = errno()
    // A connection that was given up while it waited is not the last one.
    if (error !== EINTR && error !== ECONNABORTED) return -error
  }
}

/** Connects to a listening socket. Returns -1 while nobody listens there. */
export function connectUnix(path: string): number {
  const fd = tryConnect(path)
  if (fd >= 0) return fd
  if (-fd === ENOENT || -fd === ECONNREFUSED || -fd === EAGAIN) return -1
  throw new RingferryError('SYSCALL', `${path}: cannot connect (${errnoName(-fd)})`)
}

/** A connected pair of Unix stream sockets (non-blocking). */
export function socketPair(): [number, number] {
  const buffer = scratch()
  check(
    libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, buffer.address),
    'creating a socket pair',
  )
  return [buffer.data.getInt32(0, true), buffer.data.getInt32(4, true)]
}

function writeHeader(dataBytes: number, controlBytes: number): void {
  const { data, address } = scratch()
  data.setBigUint64(IOVEC, BigInt(address + DATA), true)
  data.setBigUint64(IOVEC + 8, BigInt(dataBytes), true)
  for (let at = MSGHDR; at < MSGHDR + 56; at += 8) data.setBigUint64(at, 0n, true)
  data.setBigUint64(MSGHDR + 16, BigInt(address + IOVEC), true)
  data.setBigUint64(MSGHDR + 24, 1n, true)
  if (controlBytes > 0) {
    data.setBigUint64(MSGHDR + 32, BigInt(address + CONTROL), true)
    data.setBigUint64(MSGHDR + 40, BigInt(controlBytes), true)
  }
}

/**
 * Sends bytes with file descriptors (SCM_RIGHTS), never waiting, whatever the open file says: a peer may share it.
 * Control messages are small, so a blocked socket is an error of the peer. Returns the bytes sent, or the negated errno.
 */
export function sendWithFds(fd: number, bytes: Uint8Array, fds: readonly number[] = []): number {
  const buffer = scratch()
  buffer.bytes.set(bytes, DATA)
  const controlBytes = fds.length > 0 ? 16 + fds.length * 4 : 0
  writeHeader(bytes.length, fds.length > 0 ? Math.ceil(controlBytes / 8) * 8 : 0)
  if (fds.length > 0) {
    buffer.data.setBigUint64(CONTROL, BigInt(controlBytes), true)
    buffer.data.setInt32(CONTROL + 8, SOL_SOCKET, true)
    buffer.data.setInt32(CONTROL + 12, SCM_RIGHTS, true)
    for (const [index, value] of fds.entries()) buffer.data.setInt32(CONTROL + 16 + index * 4, value, true)
  }
  const sent = libc.sendmsg(fd, buffer.address + MSGHDR, MSG_NOSIGNAL | MSG_DONTWAIT)
  return sent >= 0 ? sent : -errno()
}

export interface Received {
  /** A copy of the bytes; empty at end of stream. */
  readonly bytes: Uint8Array
  /** File descriptors that came along; the receiver owns and closes them. */
  readonly fds: number[]
  /** The peer has closed the connection. */
  readonly closed: boolean
  /** Some that came along are lost: this process may open no more, or they were more than 64. The others are closed. */
  readonly lostFds?: 'no more may be open' | 'too many'
}

function receive(fd: number, flags: number): number {
  const { address } = scratch()
  let count = libc.recvmsg(fd, address + MSGHDR, flags | MSG_DONTWAIT)
  while (count < 0 && errno() === EINTR) count = libc.recvmsg(fd, address + MSGHDR, flags | MSG_DONTWAIT)
  return count
}

/** The bytes that wait, at most so many; they stay, as do descriptors that come with them. */
export function peekBytes(fd: number, maxBytes: number): Uint8Array {
  writeHeader(Math.min(maxBytes, MAX_MESSAGE_BYTES), 0)
  const count = receive(fd, MSG_PEEK)
  return scratch().bytes.slice(DATA, DATA + Math.max(0, count))
}

/** Takes bytes off that were peeked at; descriptors that came with them are closed. Returns how many it took. */
export function dropBytes(fd: number, sizeBytes: number): number {
  writeHeader(Math.min(sizeBytes, MAX_MESSAGE_BYTES), 0)
  return Math.max(0, receive(fd, 0))
}

/** Bytes that wait to be read from a stream socket, or of what was sent, to be read by its peer. */
export function bytesWaiting(fd: number, direction: 'in' | 'out'): number {
  const { data, address } = scratch()
  const request = direction === 'in' ? FIONREAD : TIOCOUTQ
  return libc.ioctl(fd, request, address + DATA) < 0 ? 0 : data.getInt32(DATA, true)
}

/**
 * Receives up to maxBytes with file descriptors. Returns undefined when nothing waits.
 * @param stays leave it there to be read again: the descriptors are copies
 */
export function receiveWithFds(fd: number, maxBytes: number, stays = false): Received | undefined {
  const buffer = scratch()
  writeHeader(Math.min(maxBytes, MAX_MESSAGE_BYTES), CONTROL_BYTES)
  const count = receive(fd, MSG_CMSG_CLOEXEC | (stays ? MSG_PEEK : 0))
  if (count < 0) {
    if (errno() === EAGAIN) return undefined
    return { bytes: new Uint8Array(0), fds: [], closed: true }
  }
  const fds: number[] = []
  const controlBytes = Number(buffer.data.getBigUint64(MSGHDR + 40, true))
  let at = CONTROL
  while (at + 16 <= CONTROL + controlBytes) {
    const length = Number(buffer.data.getBigUint64(at, true))
    if (length < 16) break
    const level = buffer.data.getInt32(at + 8, true)
    const type = buffer.data.getInt32(at + 12, true)
    if (level === SOL_SOCKET && type === SCM_RIGHTS)
      for (let offset = 16; offset + 4 <= length; offset += 4)
        fds.push(buffer.data.getInt32(at + offset, true))
    at += Math.ceil(length / 8) * 8
  }
  const truncated = (buffer.data.getInt32(MSGHDR + 48, true) & MSG_CTRUNC) !== 0
  if (truncated) {
    for (const received of fds) discardFd(received)
    const lostFds = fds.length < MAX_FDS ? 'no more may be open' : 'too many'
    return { bytes: new Uint8Array(0), fds: [], closed: true, lostFds }
  }
  return { bytes: buffer.bytes.slice(DATA, DATA + count), fds, closed: count === 0 }
}

/** Closes a file descriptor. */
export function closeFd(fd: number): void {
  libc.close(fd)
}

/** Removes a socket's file; somebody else may have done so already. */
export function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else removed it already.
  }
}
