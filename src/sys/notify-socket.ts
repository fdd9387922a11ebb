/** One datagram to a Unix socket, as services tell their manager how they are. Source: sd_notify(3). */
import { EACCES, errno, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { connectDatagram, unixAddress } from './unix-datagram.js'
import { SOCK_DGRAM, sendWithFds } from './unix-socket.js'

const AF_UNIX = 1
const SOCK_CLOEXEC = 0x80000
/** Of sun_path, a terminating zero included. */
const PATH_BYTES = 108
const NOTICE_BYTES = 4096

let scratch: NativeBuffer | undefined

/** The address that a text names: a path, or "@name" in the abstract namespace, which has no end but its length. */
function addressOf(text: string): Uint8Array | undefined {
  const bytes = Buffer.byteLength(text)
  if (bytes < 2 || bytes >= PATH_BYTES) return undefined
  if (text.startsWith('/')) return unixAddress(text)
  return text.startsWith('@') ? Uint8Array.from([AF_UNIX, 0, 0, ...Buffer.from(text.slice(1))]) : undefined
}

/** A socket that sends to a manager, or the negated errno. */
function openTo(socket: string): number {
  const address = addressOf(socket)
  if (!address) return -EACCES
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return -errno()
  const refused = connectDatagram(fd, address)
  if (refused === 0) return fd
  libc.close(fd)
  return refused
}

/**
 * Sends a text. Returns whether it was taken: a manager that is not there, or does not listen, is no failure of the service.
 * @param socket the value of NOTIFY_SOCKET
 */
export function sendNotice(socket: string, text: string): boolean {
  // The manager reads all the time; a queue that is full for a moment is worth the wait.
  const fd = openTo(socket)
  if (fd < 0) return false
  scratch ??= new NativeBuffer(NOTICE_BYTES)
  const { written } = new TextEncoder().encodeInto(text, scratch.bytes)
  const isTaken = libc.write(fd, scratch.address, written) === written
  libc.close(fd)
  return isTaken
}

/**
 * The same, with descriptors, and without waiting. Returns 0, or the negated errno: -EAGAIN when the manager's queue is full.
 * @param socket the value of NOTIFY_SOCKET
 */
export function sendNoticeWithFds(socket: string, text: string, fds: readonly number[]): number {
  const fd = openTo(socket)
  if (fd < 0) return fd
  const sent = sendWithFds(fd, new TextEncoder().encode(text), fds)
  libc.close(fd)
  return Math.min(sent, 0)
}
