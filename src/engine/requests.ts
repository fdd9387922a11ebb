import { type FromEngine, type SwitchRequest, type ToEngine, unpackError } from './switch-messages.js'

/** Requests to an engine that wait for their answers. */
export class Requests {
  readonly #waiting = new Map<number, { resolve(count: number): void; reject(error: Error): void }>()
  #nextId = 1

  /** Sends a request. Resolves with the number that it comes to, if it does; rejects with the error that the engine refuses with. */
  ask(request: SwitchRequest, send: (message: ToEngine) => void): Promise<number> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      send({ ...request, id })
    })
  }

  /** Takes an answer. */
  settle(message: Extract<FromEngine, { id: number }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.type === 'done') waiting?.resolve(message.count)
    else waiting?.reject(unpackError(message.error))
  }

  /** No answer comes any more. */
  rejectAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }
}
