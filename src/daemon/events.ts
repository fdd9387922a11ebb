/** What happened to the switch: the last events, for whoever asks, and those to come, for whoever listens. */
import { PORT_EVENTS } from '../port/port.js'

const KEPT = 1000

/** What happens beside the events of ports: the doings of operators. */
const CHANGE_EVENTS = [
  'added',
  'removed',
  'replaced',
  'changed',
  'needs-restart',
  'flushed',
  'drained',
  'resumed',
  'not-reloaded',
] as const

/** What becomes of delay targets. */
const TARGET_EVENTS = ['target-missed', 'target-met'] as const

export const EVENTS = [...PORT_EVENTS, ...CHANGE_EVENTS, ...TARGET_EVENTS] as const

export interface DaemonEvent {
  /** Grows by one from event to event; from 1. */
  readonly id: number
  /** ISO 8601. */
  readonly time: string
  readonly event: (typeof EVENTS)[number]
  /** The port that it is about; null: the switch. */
  readonly port: string | null
  /** Why, or what; may be empty. */
  readonly detail: string
}

/** The last KEPT events of a switch. */
export class EventLog {
  readonly #events: DaemonEvent[] = []
  readonly #listeners = new Set<(event: DaemonEvent) => void>()
  #next = 1

  add(event: DaemonEvent['event'], port: string | null, detail: string): void {
    const made = { id: this.#next++, time: new Date().toISOString(), event, port, detail }
    this.#events.push(made)
    if (this.#events.length > KEPT) this.#events.shift()
    for (const listener of this.#listeners) listener(made)
  }

  /** The id of the last event; 0 before the first. */
  get last(): number {
    return this.#next - 1
  }

  /**
   * Events after one, oldest first, as far as they are kept. An id that is still to come is of a switch before this one:
   * all are after it.
   */
  after(id: number): readonly DaemonEvent[] {
    return id > this.last ? [...this.#events] : this.#events.filter((event) => event.id > id)
  }

  /** Listens for events. Returns how to stop. */
  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
