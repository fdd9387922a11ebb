/**
 * Keeps a connection beyond the end of its backend: its socket, what its frontend handed over and what it said lie in the
 * service manager's store, and the next process of the service goes on with them.
 *
 * A message stays on the socket until it was served, so that none is lost with the process that read it:
 *
 *   peek -> descriptors into the store -> serve -> record (with message and reply) -> reply -> take off -> note that
 *
 * Who ends before the record leaves the message to its successor; who ends after it leaves the reply, unless it was sent:
 * it was when the frontend has not read it yet, or has gone on. Only between the reply and taking the message off does that
 * not show, when the frontend has read the reply and says nothing more: then it hears it twice.
 * A message that comes in pieces cannot be peeked at with its descriptors: while it comes the connection is not kept.
 */
import { duplicate, fileIdentity } from '../sys/descriptor.js'
import type { FdStore, StoredFds } from '../sys/fd-store.js'
import { bytesWaiting, closeFd, dropBytes, peekBytes, sendWithFds } from '../sys/unix-socket.js'
import type { Outcome } from './outcome.js'
import { RecordFile, type SessionRecord } from './session-record.js'
import { BRINGS_KEPT_FDS, DRIVER_COMMAND, type KeptMessage, SessionState } from './session-state.js'

const RECORD = 'record'
const SOCKET = 'socket'
/** A guest that ends its switch whenever it is taken up is let go. */
const MAX_TRIES = 3
const NONE = new Uint8Array(0)

/** A connection that was kept and can be taken up. */
export interface KeptSession {
  readonly fd: number
  readonly messages: readonly KeptMessage[]
  /** A descriptor of its own for each label; it throws when there is none left. */
  open(label: string): number
}

export class SessionKeeper {
  readonly #store: FdStore
  #identity: string
  #file: RecordFile
  #state = new SessionState()
  /** Labels in the store by what they stand for. */
  #labels = new Map<string, string>()
  #next = 0
  #served: Uint8Array = NONE
  #reply: Uint8Array = NONE
  #isUnsettled = true
  #isInPieces = false
  #fits = true
  #kept: StoredFds = new Map()

  private constructor(store: FdStore, identity: string, file: RecordFile) {
    this.#store = store
    this.#identity = identity
    this.#file = file
  }

  /** Keeps a new connection. @param identity what must be the same for another process to take it up */
  static begin(store: FdStore, identity: string, fd: number): SessionKeeper {
    const keeper = new SessionKeeper(store, identity, RecordFile.create())
    store.keep(RECORD, keeper.#file.fd)
    store.keep(SOCKET, fd)
    keeper.#write()
    return keeper
  }

  /**
   * Takes up what was kept; its descriptors are owned from now on.
   * @returns the keeper and what it kept, or why nobody can go on with it: then the store is empty
   */
  static takeUp(
    store: FdStore,
    identity: string,
    fds: StoredFds,
  ): { readonly keeper: SessionKeeper; readonly session: KeptSession } | string {
    const found = SessionKeeper.#read(identity, fds)
    if (typeof found === 'string') {
      for (const [label, fd] of fds) {
        store.drop(label)
        closeFd(fd)
      }
      return found
    }
    const { file, record, socket } = found
    const keeper = new SessionKeeper(store, identity, file)
    keeper.#isUnsettled = false
    keeper.#adopt(record, fds)
    const fd = duplicate(socket)
    closeFd(socket)
    const open = (label: string): number => duplicate(fds.get(label) as number)
    return { keeper, session: { fd, messages: record.messages, open } }
  }

  static #read(
    identity: string,
    fds: StoredFds,
  ): { readonly file: RecordFile; readonly record: SessionRecord; readonly socket: number } | string {
    const socket = fds.get(SOCKET)
    const fd = fds.get(RECORD)
    if (socket === undefined) return 'it has gone'
    if (fd === undefined) return 'its record is not there'
    const file = RecordFile.open(fd)
    if (typeof file === 'string') return file
    if (file.isUnsettled) return 'something was missing at the moment'
    if (file.takeUps >= MAX_TRIES || file.serves >= MAX_TRIES)
      return `${MAX_TRIES} times the switch ended when it was served`
    const record = file.read()
    if (typeof record === 'string') return record
    if (record.identity !== identity) return 'its port, or what it was told of it, has changed'
    const missing = record.messages.flatMap(({ labels }) => labels).find((label) => !fds.has(label))
    if (missing !== undefined) return `its descriptor ${missing} is not there (FileDescriptorStoreMax=)`
    try {
      file.takeUps += 1
    } catch {
      return 'its record cannot be written'
    }
    return { file, record, socket }
  }

  #adopt({ served, reply }: SessionRecord, fds: StoredFds): void {
    this.#served = served
    this.#reply = reply
    this.#kept = fds
    for (const [label, fd] of fds) {
      if (label === RECORD || label === SOCKET) continue
      this.#labels.set(fileIdentity(fd) ?? `label ${label}`, label)
      const [, number = '0'] = /^d(\d+)$/.exec(label) ?? []
      this.#next = Math.max(this.#next, Number(number) + 1)
    }
  }

  /**
   * All was said again to a new device. What the process before left undone with the message that it served is done.
   * @param fd the connection
   * @returns whether the frontend takes what it has to be told
   */
  resumed(session: KeptSession): boolean {
    for (const [label, fd] of this.#kept) if (label !== RECORD && label !== SOCKET) closeFd(fd)
    this.#kept = new Map()
    this.#state.restore(session.messages)
    this.#sweep()
    this.#file.takeUps = 0
    return this.#file.isTaken || this.#finish(session.fd)
  }

  #finish(fd: number): boolean {
    const [served, reply] = [this.#served, this.#reply]
    const isThere = Buffer.from(peekBytes(fd, served.length)).equals(served)
    if (served.length === 0 || !isThere) {
      this.#file.taken()
      return true
    }
    const wasSent = bytesWaiting(fd, 'out') > 0 || bytesWaiting(fd, 'in') > served.length
    const sent = reply.length === 0 || wasSent || sendWithFds(fd, reply) === reply.length
    dropBytes(fd, served.length)
    this.#file.taken()
    return sent
  }

  /** What must be the same for another process to take the connection up has changed. */
  set identity(identity: string) {
    if (identity === this.#identity) return
    this.#identity = identity
    this.#write()
  }

  /** A message is about to be served. Returns labels for the descriptors that came with it. */
  take(request: number, fds: readonly number[]): readonly string[] {
    this.#file.serves += 1
    return BRINGS_KEPT_FDS.has(request) ? fds.map((fd) => this.#keep(fd)) : []
  }

  /** The store has one of each file, so one that comes again keeps its label. */
  #keep(fd: number): string {
    const identity = fileIdentity(fd) ?? `label ${this.#next}`
    const known = this.#labels.get(identity)
    if (known !== undefined) return known
    const label = `d${this.#next++}`
    this.#labels.set(identity, label)
    this.#store.keep(label, fd)
    this.#settle()
    return label
  }

  /**
   * A message was served; its reply goes out after this.
   * @param served all of its bytes while it is on the socket; empty: it is not
   */
  served(message: KeptMessage, outcome: Outcome, served: Uint8Array, reply: Uint8Array): void {
    this.#isInPieces = false
    this.#state.note(message, outcome)
    this.#served = served
    this.#reply = served.length > 0 ? reply : NONE
    this.#write()
    if (served.length === 0) this.#file.taken()
    this.#sweep()
  }

  /** A driver's command was carried out; it is answered after this. */
  commanded(command: Uint8Array): void {
    this.#state.note({ request: DRIVER_COMMAND, payload: command, labels: [] }, undefined)
    this.#write()
    this.#file.taken()
  }

  /** The message is off the socket. */
  taken(): void {
    this.#file.taken()
    this.#served = NONE
    this.#reply = NONE
  }

  /** A message comes in pieces. */
  inPieces(): void {
    this.#isInPieces = true
    this.#settle()
  }

  #write(): void {
    this.#fits = this.#file.write({
      identity: this.#identity,
      messages: this.#state.messages(),
      served: this.#served,
      reply: this.#reply,
    })
    this.#settle()
  }

  /** Takes out of the store what is no part of the state any more. */
  #sweep(): void {
    const used = this.#state.labels()
    for (const [identity, label] of this.#labels) {
      if (used.has(label)) continue
      this.#labels.delete(identity)
      this.#store.drop(label)
    }
  }

  #settle(): void {
    const isUnsettled = this.#isInPieces || !this.#fits || !this.#store.isSettled
    if (isUnsettled === this.#isUnsettled) return
    this.#isUnsettled = isUnsettled
    this.#file.isUnsettled = isUnsettled
  }

  /** Called some ten times a second, after the store was. */
  tick(): void {
    this.#settle()
  }

  /** The connection has ended. @param isLeft whether another process is to go on with it: then the store stays as it is */
  end(isLeft: boolean): void {
    if (isLeft) this.#store.close()
    else for (const label of [SOCKET, RECORD, ...new Set(this.#labels.values())]) this.#store.drop(label)
    for (const fd of this.#kept.values()) closeFd(fd)
    this.#file.close()
  }
}
