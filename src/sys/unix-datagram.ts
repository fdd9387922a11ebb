/** Unix datagram sockets and the addresses of their peers. Source: unix(7); Linux net/unix/af_unix.c. */
import { statSync } from 'node:fs'
import { EACCES, errno, libc } from './libc.js'
import type { ReceiveBatch } from './message-batch.js'
import { NativeBuffer } from './native-buffer.js'
import type { SocketAccess } from './socket-access.js'
import { growBuffers } from './socket-option.js'
import { bindUnix, closeFd, SOCK_DGRAM, tryConnect } from './unix-socket.js'

const AF_UNSPEC = 0
const AF_UNIX = 1
const FAMILY_BYTES = 2
/** What waits for a peer beside our own ring: more is only more delay. */
const SOCKET_BUFFER_BYTES = 1024 * 1024

/** Room for a sender's address: a struct sockaddr_un, rounded up. */
export const UNIX_ADDRESS_BYTES = 112

let scratch: NativeBuffer | undefined
function memory(): NativeBuffer {
  scratch ??= new NativeBuffer(UNIX_ADDRESS_BYTES)
  return scratch
}

/** A non-blocking datagram socket at a path. Throws as bindUnix(). */
export function openUnixDatagram(path: string, access: SocketAccess): number {
  const fd = bindUnix(path, access, SOCK_DGRAM)
  growBuffers(fd, SOCKET_BUFFER_BYTES)
  return fd
}

/** The address of a socket at a path, as the kernel tells it of senders. */
export function unixAddress(path: string): Uint8Array {
  return Uint8Array.from([AF_UNIX, 0, ...Buffer.from(path), 0])
}

/** The address of the sender of the message in a slot; empty when it has none and cannot be answered. */
export function senderAddress(batch: ReceiveBatch, slot: number): Uint8Array {
  const bytes = batch.nameBytes(slot)
  if (bytes <= FAMILY_BYTES) return new Uint8Array(0)
  const words = Uint32Array.from({ length: Math.ceil(bytes / 4) }, (_, word) => batch.name(slot, word))
  return new Uint8Array(words.buffer, 0, bytes)
}

/** Whether the message in a slot came from an address. */
export function isFrom(batch: ReceiveBatch, slot: number, address: Uint8Array): boolean {
  if (batch.nameBytes(slot) !== address.length) return false
  for (let at = 0; at < address.length; at++)
    if (((batch.name(slot, at >>> 2) >>> ((at & 3) * 8)) & 0xff) !== address[at]) return false
  return true
}

/** An address as people write it: a path, or "@name" of the abstract ones. */
export function unixAddressText(address: Uint8Array): string {
  const name = Buffer.from(address.subarray(FAMILY_BYTES))
  return name[0] === 0 ? `@${name.subarray(1)}` : name.toString().replace(/\0.*$/s, '')
}

/** Connects a datagram socket: it sends there, and hears nobody else from now on. Returns 0 or the negated errno. */
export function connectDatagram(fd: number, address: Uint8Array): number {
  memory().bytes.set(address)
  return libc.connect(fd, memory().address, address.length) < 0 ? -errno() : 0
}

/** Undoes connectDatagram(). */
export function disconnectDatagram(fd: number): void {
  memory().data.setUint16(0, AF_UNSPEC, true)
  libc.connect(fd, memory().address, FAMILY_BYTES)
}

/** What tells a socket at a path from a later one at the same path; undefined when there is none, or no path. */
export function socketIdentity(address: Uint8Array): string | undefined {
  const stats = statSync(unixAddressText(address), { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev} ${stats.ino}`
}

/**
 * Whether a socket is there behind an address. One that is connected to another is (EPERM), and one that may not be
 * asked (EACCES).
 */
export function isThere(path: string): boolean {
  const fd = tryConnect(path, SOCK_DGRAM)
  if (fd >= 0) closeFd(fd)
  return fd >= 0 || fd === -EACCES || fd === -1
}
