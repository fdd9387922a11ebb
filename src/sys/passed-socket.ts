/**
 * Listening sockets that whoever started this process has handed over: `fd:3` names a descriptor, `fd:web` one of systemd's
 * by its name (LISTEN_FDNAMES). Source: sd_listen_fds(3).
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { RingferryError } from '../errors/errors.js'
import { tryDuplicate } from './descriptor.js'
import { libc } from './libc.js'
import { socketOption } from './socket-option.js'

const FIRST_FD = 3
const F_SETFL = 4
const F_GETFL = 3
const O_NONBLOCK = 0x800
const SOL_SOCKET = 1
const SO_TYPE = 3
const SO_ACCEPTCONN = 30
const SO_DOMAIN = 39
const AF_UNIX = 1
const SOCK_STREAM = 1
const PREFIX = 'fd:'

/** Whether a socket setting names a descriptor that was handed over. */
export function isPassed(socket: string): boolean {
  return socket.startsWith(PREFIX)
}

/** A descriptor that was handed over, and its name. */
export interface PassedDescriptor {
  readonly name: string
  readonly fd: number
}

/** All that were handed over to this process with names. */
export function passedDescriptors(): readonly PassedDescriptor[] {
  const { LISTEN_FDS = '', LISTEN_PID, LISTEN_FDNAMES = '' } = process.env
  if (Number(LISTEN_PID) !== process.pid || LISTEN_FDNAMES === '') return []
  const names = LISTEN_FDNAMES.split(':').slice(0, Number(LISTEN_FDS))
  return names.map((name, place) => ({ name, fd: FIRST_FD + place }))
}

/** Whether a socket of this name was handed over to this process. */
export function hasPassed(name: string): boolean {
  return passedDescriptors().some((each) => each.name === name)
}

function refusal(socket: string, problem: string): RingferryError {
  return new RingferryError('NOT_FOUND', `socket ${socket}: ${problem}`)
}

/** The number of the descriptor that a setting names. Throws NOT_FOUND. */
function descriptorOf(socket: string): number {
  const name = socket.slice(PREFIX.length)
  if (/^\d+$/.test(name)) return Number(name)
  const { LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES } = process.env
  if (LISTEN_FDS === undefined)
    throw refusal(
      socket,
      'no sockets were handed over (LISTEN_FDS is not set); start with systemd socket activation',
    )
  if (Number(LISTEN_PID) !== process.pid)
    throw refusal(
      socket,
      `the sockets are for process ${LISTEN_PID}, and this is ${process.pid}; start ringferry itself, not by another program`,
    )
  const names = (LISTEN_FDNAMES ?? '').split(':').slice(0, Number(LISTEN_FDS))
  const places = names.flatMap((each, index) => (each === name ? [index] : []))
  const [place] = places
  if (place === undefined)
    throw refusal(socket, `no socket is called so; there are ${names.join(', ') || 'none with a name'}`)
  if (places.length > 1)
    throw refusal(socket, `${places.length} sockets are called so; give each a FileDescriptorName of its own`)
  return FIRST_FD + place
}

function nameOf(fd: string | number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    // It was closed meanwhile.
    return ''
  }
}

/** Whether any thread of this process has another descriptor of the same socket: one that takePassed() gave out. */
function isTaken(fd: number): boolean {
  const name = nameOf(fd)
  return readdirSync('/proc/self/fd').some((each) => Number(each) !== fd && nameOf(each) === name)
}

/**
 * A descriptor of our own for a listening socket that was handed over; the original stays open, so that a port that is
 * removed and added finds it again. Throws NOT_FOUND (there is none such), USAGE (it is no listening Unix stream socket),
 * BUSY (a port or the API uses it).
 */
export function takePassed(socket: string): number {
  const fd = descriptorOf(socket)
  const type = fd < FIRST_FD ? undefined : socketOption(fd, SOL_SOCKET, SO_TYPE)
  if (type === undefined) throw refusal(socket, `descriptor ${fd} is no socket; hand over a listening one`)
  const isRight =
    type === SOCK_STREAM &&
    socketOption(fd, SOL_SOCKET, SO_DOMAIN) === AF_UNIX &&
    socketOption(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1
  if (!isRight)
    throw new RingferryError(
      'USAGE',
      `socket ${socket}: descriptor ${fd} is no listening Unix stream socket; hand over one (ListenStream=/a/path)`,
    )
  if (isTaken(fd))
    throw new RingferryError(
      'BUSY',
      `socket ${socket}: descriptor ${fd} is in use already; hand over one for each`,
    )
  const own = tryDuplicate(fd)
  if (own < 0) throw refusal(socket, `descriptor ${fd} cannot be duplicated`)
  libc.fcntl(own, F_SETFL, libc.fcntl(own, F_GETFL, 0) | O_NONBLOCK)
  return own
}
