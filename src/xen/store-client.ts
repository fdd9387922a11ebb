import {
  payloadList,
  payloadText,
  type StoreMessage,
  StoreReader,
  storeBytes,
  XS,
  zeroEnded,
} from './store-wire.js'

/** What a task waits for: the answer to one request. */
export interface StoreRequest {
  readonly type: number
  readonly transaction: number
  readonly payload: Uint8Array
}

/** The store's answer: a payload, or the name of an error, "ENOENT". */
export interface StoreAnswer {
  readonly error: string | undefined
  readonly payload: Uint8Array
}

/**
 * Work that asks the store, one request after the other: it yields a request and goes on with the answer. Nothing
 * blocks, and the loop that it runs in knows no promises.
 */
export type StoreTask<Result> = Generator<StoreRequest, Result, StoreAnswer>

/** The store refused a request. */
export class StoreError extends Error {
  /** Its name for it, "EACCES". */
  readonly reason: string

  constructor(what: string, reason: string) {
    super(`${what}: ${reason}`)
    this.name = 'StoreError'
    this.reason = reason
  }
}

/** How often a transaction is tried that others get in the way of. */
const MAX_TRIES = 32

function* ask(
  type: number,
  payload: Uint8Array,
  what: string,
  transaction = 0,
): StoreTask<Uint8Array | undefined> {
  const { error, payload: answer } = yield { type, transaction, payload }
  if (error === undefined) return answer
  if (error === 'ENOENT') return undefined
  throw new StoreError(what, error)
}

/** The value of a key; undefined when there is none. */
export function* readKey(path: string, transaction = 0): StoreTask<string | undefined> {
  const payload = yield* ask(XS.READ, zeroEnded(path), `reading ${path}`, transaction)
  return payload && payloadText(payload)
}

/** Names of the keys below one; none when there is no such key. */
export function* listKeys(path: string): StoreTask<string[]> {
  const payload = yield* ask(XS.DIRECTORY, zeroEnded(path), `listing ${path}`)
  return payload ? payloadList(payload) : []
}

export function* writeKey(path: string, value: string, transaction = 0): StoreTask<void> {
  const payload = new Uint8Array([...zeroEnded(path), ...zeroEnded(value).subarray(0, -1)])
  const done = yield* ask(XS.WRITE, payload, `writing ${path}`, transaction)
  if (!done) throw new StoreError(`writing ${path}`, 'ENOENT')
}

/**
 * Runs a body in a transaction: all of its writes or none. It is run again when somebody else changed what it saw.
 * What the body throws ends the transaction without its writes.
 */
export function* inTransaction<Result>(body: (transaction: number) => StoreTask<Result>): StoreTask<Result> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const begun = yield* ask(XS.TRANSACTION_START, zeroEnded(''), 'beginning a transaction')
    const transaction = Number(begun && payloadText(begun))
    let result: Result
    try {
      result = yield* body(transaction)
    } catch (error) {
      yield { type: XS.TRANSACTION_END, transaction, payload: zeroEnded('F') }
      throw error
    }
    const { error } = yield { type: XS.TRANSACTION_END, transaction, payload: zeroEnded('T') }
    if (error === undefined) return result
    if (error !== 'EAGAIN') throw new StoreError('ending a transaction', error)
  }
  throw new StoreError(`a transaction, tried ${MAX_TRIES} times`, 'EAGAIN')
}

interface Waiting {
  readonly task: StoreTask<unknown>
  readonly onEnd: (result: unknown, error: unknown) => void
}

/** One connection to the store: tasks in any number, and watches. */
export class StoreClient {
  readonly #send: (message: Uint8Array) => void
  readonly #reader = new StoreReader()
  readonly #waiting = new Map<number, Waiting>()
  readonly #watches = new Map<string, (path: string) => void>()
  #nextRequest = 1
  #nextToken = 1

  /** @param send sends one message; may throw */
  constructor(send: (message: Uint8Array) => void) {
    this.#send = send
  }

  /**
   * Runs a task up to its first request; take() goes on with it.
   * @param onEnd told what the task returned, or what it threw
   */
  run<Result>(task: StoreTask<Result>, onEnd: (result: Result | undefined, error: unknown) => void): void {
    this.#step({ task, onEnd: onEnd as Waiting['onEnd'] }, () => task.next())
  }

  #step(waiting: Waiting, go: () => IteratorResult<StoreRequest, unknown>): void {
    let next: IteratorResult<StoreRequest, unknown>
    try {
      next = go()
    } catch (error) {
      waiting.onEnd(undefined, error)
      return
    }
    if (next.done) {
      waiting.onEnd(next.value, undefined)
      return
    }
    const request = this.#nextRequest
    this.#nextRequest = (request + 1) >>> 0 || 1
    this.#waiting.set(request, waiting)
    this.#send(storeBytes({ ...next.value, request }))
  }

  /** Takes bytes from the store, in pieces of any size. Throws a RangeError when they are no messages. */
  take(chunk: Uint8Array): void {
    for (const message of this.#reader.push(chunk)) this.#takeMessage(message)
  }

  #takeMessage({ type, request, payload }: StoreMessage): void {
    if (type === XS.WATCH_EVENT) {
      const [path = '', token = ''] = payloadList(payload)
      this.#watches.get(token)?.(path)
      return
    }
    const waiting = this.#waiting.get(request)
    if (!waiting) return
    this.#waiting.delete(request)
    const error = type === XS.ERROR ? payloadText(payload) : undefined
    this.#step(waiting, () => waiting.task.next({ error, payload }))
  }

  /**
   * Watches a path and all below it; the store tells of it once at once. Returns the watch's token, for unwatch().
   * @param onEvent told the path that changed
   * @param onRefused told why the store does not watch
   */
  watch(
    path: string,
    onEvent: (path: string) => void,
    onRefused: (error: unknown) => void = () => {},
  ): string {
    const token = `rf${this.#nextToken++}`
    this.#watches.set(token, onEvent)
    const request = ask(XS.WATCH, zeroEnded(path, token), `watching ${path}`)
    this.run(request, (_, error) => {
      if (error !== undefined) onRefused(error)
    })
    return token
  }

  /** Events that are on their way are not told any more. */
  unwatch(path: string, token: string): void {
    if (!this.#watches.delete(token)) return
    this.run(ask(XS.UNWATCH, zeroEnded(path, token), `no longer watching ${path}`), () => {})
  }
}
