/**
 * The event list: what happens next, in integer nanoseconds.
 *
 *   schedule(atNs, station, argument)      run(untilNs): take the earliest event, set the time, call its station
 *
 *                  [ 1 ]                   a heap of four children a node in typed arrays: the children of a node lie in one
 *        [ 2 ]  [ 5 ]  [ 3 ]  [ 9 ]        cache line, and nothing is allocated for an event
 *
 * Events of one time happen in the order in which they were scheduled: each has a number, which decides between equals. So
 * the same calls give the same run, bit by bit. An event cannot be taken back; a station that no longer waits for one lets
 * it pass (it knows what it waits for).
 */
import { RingferryError } from '../errors/errors.js'

/** What an event does. @param argument as it was scheduled */
export type Handler = (argument: number, nowNs: number) => void

const FIRST_CAPACITY = 1024
/** More events at once than any model needs: something makes them without end. */
const MAX_EVENTS = 4_000_000

/** Events in the order of time, and the stations that they are for. */
export class EventList {
  /** The time, in nanoseconds since the start. */
  nowNs = 0
  /** Events that have happened. */
  processed = 0
  #times = new Float64Array(FIRST_CAPACITY)
  #numbers = new Float64Array(FIRST_CAPACITY)
  #targets = new Int32Array(FIRST_CAPACITY)
  #arguments = new Int32Array(FIRST_CAPACITY)
  #size = 0
  #next = 0
  #isStopped = false
  /** Whether the event at the top is happening: its place is taken by the next one that is scheduled. */
  #isTopFree = false
  readonly #handlers: Handler[] = []

  /** Makes a handler known; events are scheduled by its number. */
  register(handler: Handler): number {
    return this.#handlers.push(handler) - 1
  }

  /** Events that have not happened yet. */
  get waiting(): number {
    return this.#isTopFree ? this.#size - 1 : this.#size
  }

  /** Ends run() after the event at hand. */
  stop(): void {
    this.#isStopped = true
  }

  #grow(): void {
    if (this.#size >= MAX_EVENTS)
      throw new RingferryError(
        'USAGE',
        `the model has more than ${MAX_EVENTS} events waiting: it is saturated`,
      )
    const copy = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    const capacity = this.#times.length * 2
    this.#times = copy(this.#times, new Float64Array(capacity))
    this.#numbers = copy(this.#numbers, new Float64Array(capacity))
    this.#targets = copy(this.#targets, new Int32Array(capacity))
    this.#arguments = copy(this.#arguments, new Int32Array(capacity))
  }

  /** @param atNs not before now @param target as register() told @param argument an integer of 32 bits */
  schedule(atNs: number, target: number, argument: number): void {
    // Most events schedule another: one that sinks from the top costs half of taking one out and letting another rise.
    if (this.#isTopFree) {
      this.#isTopFree = false
      this.#sink(atNs, this.#next++, target, argument)
      return
    }
    if (this.#size === this.#times.length) this.#grow()
    const times = this.#times
    const numbers = this.#numbers
    const targets = this.#targets
    const args = this.#arguments
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 2
      // A later number never goes before an equal time.
      if (times[parent]! <= atNs) break
      times[at] = times[parent]!
      numbers[at] = numbers[parent]!
      targets[at] = targets[parent]!
      args[at] = args[parent]!
      at = parent
    }
    times[at] = atNs
    numbers[at] = this.#next++
    targets[at] = target
    args[at] = argument
  }

  /** Puts an event into the free place at the top, and lets it sink to its own. */
  #sink(time: number, number: number, target: number, argument: number): void {
    const size = this.#size
    const times = this.#times
    const numbers = this.#numbers
    const targets = this.#targets
    const args = this.#arguments
    let at = 0
    for (let child = 1; child < size; child = (at << 2) + 1) {
      let least = child
      let leastTime = times[child]!
      const end = child + 4 < size ? child + 4 : size
      for (let other = child + 1; other < end; other++) {
        const otherTime = times[other]!
        if (otherTime < leastTime || (otherTime === leastTime && numbers[other]! < numbers[least]!)) {
          least = other
          leastTime = otherTime
        }
      }
      if (leastTime > time || (leastTime === time && numbers[least]! > number)) break
      times[at] = leastTime
      numbers[at] = numbers[least]!
      targets[at] = targets[least]!
      args[at] = args[least]!
      at = least
    }
    times[at] = time
    numbers[at] = number
    targets[at] = target
    args[at] = argument
  }

  /** Nothing was scheduled into the free place: the last event goes there. */
  #fillTop(): void {
    this.#isTopFree = false
    const last = --this.#size
    if (last > 0)
      this.#sink(this.#times[last]!, this.#numbers[last]!, this.#targets[last]!, this.#arguments[last]!)
  }

  /** Runs until a time, which it is afterwards, or until stop(). */
  run(untilNs: number): void {
    const handlers = this.#handlers
    this.#isStopped = false
    while (this.#size > 0) {
      const atNs = this.#times[0]!
      if (atNs > untilNs) break
      this.nowNs = atNs
      this.processed++
      this.#isTopFree = true
      handlers[this.#targets[0]!]!(this.#arguments[0]!, atNs)
      if (this.#isTopFree) this.#fillTop()
      if (this.#isStopped) return
    }
    this.nowNs = untilNs
  }
}
