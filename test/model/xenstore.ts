/** A plain model of xenstored: keys, watches and transactions, spoken to by bytes. Source: docs/misc/xenstore.txt (4.17). */
import {
  payloadList,
  payloadText,
  type StoreMessage,
  StoreReader,
  storeBytes,
  XS,
  zeroEnded,
} from '../../src/xen/store-wire.js'

const encoder = new TextEncoder()
const OK = zeroEnded('OK')

interface Transaction {
  readonly keys: Map<string, string>
  readonly version: number
  readonly written: Set<string>
}

export class XenstoreModel {
  /** Values by absolute path. */
  keys = new Map<string, string>()
  readonly #home: string
  readonly #watches: { readonly path: string; readonly token: string }[] = []
  readonly #transactions = new Map<number, Transaction>()
  readonly #reader = new StoreReader()
  readonly #output: Uint8Array[] = []
  #version = 0
  #nextTransaction = 1
  /** Paths that the client may not read. */
  readonly forbidden = new Set<string>()
  /** How many of the next transactions somebody else gets in the way of. */
  conflicts = 0
  /** Requests that were taken, by type. */
  readonly taken: number[] = []

  /** @param domain of whoever connects */
  constructor(domain = 0) {
    this.#home = `/local/domain/${domain}`
  }

  // ---- for the test ----

  get(path: string): string | undefined {
    return this.keys.get(path)
  }

  /** Writes keys as another client does; watches fire. */
  set(entries: Readonly<Record<string, string | number>>): void {
    for (const [path, value] of Object.entries(entries)) this.keys.set(path, String(value))
    this.#version++
    for (const path of Object.keys(entries)) this.#fire(path)
  }

  remove(path: string): void {
    for (const key of [...this.keys.keys()])
      if (key === path || key.startsWith(`${path}/`)) this.keys.delete(key)
    this.#version++
    this.#fire(path)
  }

  /** How many watches there are. */
  get watches(): number {
    return this.#watches.length
  }

  /** The client's side: what it sends, and what there is to read. */
  write(message: Uint8Array): void {
    for (const each of this.#reader.push(message)) this.#take(each)
  }

  read(): Uint8Array | undefined {
    return this.#output.shift()
  }

  // ---- the store ----

  #absolute(path: string): string {
    return path.startsWith('/') ? path : `${this.#home}/${path}`
  }

  #send(message: StoreMessage): void {
    this.#output.push(storeBytes(message))
  }

  #fire(path: string): void {
    for (const watch of this.#watches) {
      const root = this.#absolute(watch.path)
      // A watch hears of what is below it, and of the removal of what is above it.
      if (path !== root && !path.startsWith(`${root}/`) && !root.startsWith(`${path}/`)) continue
      const told = path.startsWith(root) ? watch.path + path.slice(root.length) : watch.path
      const payload = zeroEnded(told, watch.token)
      this.#send({ type: XS.WATCH_EVENT, request: 0, transaction: 0, payload })
    }
  }

  #take(message: StoreMessage): void {
    this.taken.push(message.type)
    const changed: string[] = []
    const answer = this.#answer(message, changed)
    if (typeof answer === 'string') this.#send({ ...message, type: XS.ERROR, payload: zeroEnded(answer) })
    else this.#send({ ...message, payload: answer })
    if (message.type === XS.WATCH)
      this.#send({ type: XS.WATCH_EVENT, request: 0, transaction: 0, payload: message.payload })
    if (changed.length > 0) this.#version++
    for (const path of changed) this.#fire(path)
  }

  /** The answer, or the name of an error. @param changed gets the paths whose watches fire then */
  #answer({ type, transaction: id, payload }: StoreMessage, changed: string[]): Uint8Array | string {
    const [first = '', second = ''] = payloadList(payload)
    const transaction = this.#transactions.get(id)
    if (id !== 0 && !transaction) return 'ENOENT'
    const keys = transaction?.keys ?? this.keys
    const path = this.#absolute(first)
    switch (type) {
      case XS.READ: {
        const value = keys.get(path)
        if (this.forbidden.has(path)) return 'EACCES'
        return value === undefined ? 'ENOENT' : encoder.encode(value)
      }
      case XS.DIRECTORY: {
        const below = [...keys.keys()].filter((key) => key.startsWith(`${path}/`))
        const names = new Set(below.map((key) => key.slice(path.length + 1).split('/')[0] ?? ''))
        return names.size > 0 ? zeroEnded(...names) : 'ENOENT'
      }
      case XS.WRITE:
        keys.set(path, payloadText(payload.subarray(payload.indexOf(0) + 1)))
        if (transaction) transaction.written.add(path)
        else changed.push(path)
        return OK
      case XS.WATCH:
        this.#watches.push({ path: first, token: second })
        return OK
      case XS.UNWATCH: {
        const at = this.#watches.findIndex((watch) => watch.path === first && watch.token === second)
        if (at >= 0) this.#watches.splice(at, 1)
        return at < 0 ? 'ENOENT' : OK
      }
      case XS.TRANSACTION_START: {
        const begun = this.#nextTransaction++
        const copy = { keys: new Map(this.keys), version: this.#version, written: new Set<string>() }
        this.#transactions.set(begun, copy)
        return zeroEnded(String(begun))
      }
      case XS.TRANSACTION_END:
        this.#transactions.delete(id)
        if (first === 'F' || !transaction) return OK
        if (this.conflicts > 0 || transaction.version !== this.#version) {
          this.conflicts = Math.max(0, this.conflicts - 1)
          return 'EAGAIN'
        }
        this.keys = transaction.keys
        changed.push(...transaction.written)
        return OK
      default:
        return 'ENOSYS'
    }
  }
}
