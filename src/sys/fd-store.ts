/**
 * The service manager's store of descriptors: what lies there under a name outlives this process and is handed to the next
 * one of the service. Whether a manager has a store is not said (systemd before 254); one without closes what it is sent.
 * Sending never waits: what the manager does not take at once, or what is more than it should be bothered with, is sent later.
 * Source: sd_notify(3), FDSTORE= and FDSTOREREMOVE=; systemd.service(5), FileDescriptorStoreMax=.
 */
import { tryDuplicate } from './descriptor.js'
import { EAGAIN } from './libc.js'
import { sendNotice, sendNoticeWithFds } from './notify-socket.js'
import { passedDescriptors } from './passed-socket.js'
import { closeFd } from './unix-socket.js'

const ETOOMANYREFS = 109
/** Notices that one owner may send at once, and how many more with each tick: whatever its peer does. */
const MAX_NOTICES = 512
const NOTICES_PER_TICK = 64
const NAME = /^ringferry-([a-z0-9]+)-(.+)$/

/** What one owner has in the store, by label. */
export type StoredFds = ReadonlyMap<string, number>

/** What this process was handed from the store, by owner. */
export function storedFds(): ReadonlyMap<string, StoredFds> {
  const owners = new Map<string, Map<string, number>>()
  for (const { name, fd } of passedDescriptors()) {
    const [, label, owner] = NAME.exec(name) ?? []
    if (label === undefined || owner === undefined) continue
    const fds = owners.get(owner) ?? new Map<string, number>()
    owners.set(owner, fds)
    // Of two under one name none can be told from the other; the second is not needed, or all is wrong anyway.
    if (fds.has(label)) closeFd(fd)
    else fds.set(label, fd)
  }
  return owners
}

const nameOf = (owner: string, label: string): string => `FDNAME=ringferry-${label}-${owner}`

/** Closes what this process was handed for an owner, and takes it out of the store. Waits for a manager that is slow. */
export function discardStored(socket: string, owner: string, fds: StoredFds): void {
  for (const [label, fd] of fds) {
    sendNotice(socket, `FDSTOREREMOVE=1\n${nameOf(owner, label)}`)
    closeFd(fd)
  }
}

/** The store, as one owner uses it. */
export class FdStore {
  readonly #socket: string
  readonly #owner: string
  /** What is still to be told, oldest first; -1: the label is removed. */
  #queue: { readonly label: string; readonly fd: number }[] = []
  #credit = MAX_NOTICES
  #isLost = false

  /** @param socket the value of NOTIFY_SOCKET; @param owner letters, digits, ".", "_" and "-" */
  constructor(socket: string, owner: string) {
    this.#socket = socket
    this.#owner = owner
  }

  /** Whether the manager has all that it was given. */
  get isSettled(): boolean {
    return this.#queue.length === 0 && !this.#isLost
  }

  /** Puts a descriptor there, which the caller keeps. @param label small letters and digits, not in use */
  keep(label: string, fd: number): void {
    this.#tell(label, fd)
  }

  drop(label: string): void {
    const last = this.#queue.findLastIndex((each) => each.label === label)
    const pending = this.#queue[last]
    if (pending === undefined || pending.fd < 0) {
      this.#tell(label, -1)
      return
    }
    this.#queue.splice(last, 1)
    closeFd(pending.fd)
  }

  #tell(label: string, fd: number): void {
    if (this.#queue.length === 0 && this.#send(label, fd)) return
    const copy = fd < 0 ? -1 : tryDuplicate(fd)
    // No descriptor is left to remember it by.
    if (fd >= 0 && copy < 0) this.#isLost = true
    else this.#queue.push({ label, fd: copy })
  }

  /** Returns whether nothing more can come of it. */
  #send(label: string, fd: number): boolean {
    if (this.#credit === 0) return false
    const name = nameOf(this.#owner, label)
    const result = sendNoticeWithFds(
      this.#socket,
      fd < 0 ? `FDSTOREREMOVE=1\n${name}` : `FDSTORE=1\n${name}`,
      fd < 0 ? [] : [fd],
    )
    if (result === -EAGAIN || result === -ETOOMANYREFS) return false
    this.#credit--
    return true
  }

  /** Sends what was not taken before. Called some ten times a second. */
  tick(): void {
    this.#credit = Math.min(MAX_NOTICES, this.#credit + NOTICES_PER_TICK)
    for (let next = this.#queue[0]; next && this.#send(next.label, next.fd); next = this.#queue[0]) {
      this.#queue.shift()
      if (next.fd >= 0) closeFd(next.fd)
    }
  }

  /** Leaves the store as it is: what was not told is not told any more. */
  close(): void {
    for (const { fd } of this.#queue) if (fd >= 0) closeFd(fd)
    this.#queue = []
  }
}
