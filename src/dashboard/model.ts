/** What the page knows: the switch as of the last second, its past, its events; views are told of every change. */
import { useEffect, useState } from 'preact/hooks'
import { type EventAnswer, follow, type Live, readDelays } from './api.js'
import { type Bar, DelayReadings } from './delay-histogram.js'
import { History } from './history.js'
import { verdictChanges } from './port-rows.js'

const KEPT_EVENTS = 200
/** The last words to be read aloud. */
const KEPT_WORDS = 3

export class Model {
  live: Live | undefined
  readonly history = new History()
  /** Newest first. */
  events: readonly EventAnswer[] = []
  /** Whether the switch is heard of. */
  link: 'connecting' | 'live' | 'lost' = 'connecting'
  /** What became of targets, for a live region. */
  announced: readonly string[] = []
  /** The port whose delays are read, and what came of it in the last 10 s. */
  watched: string | undefined
  delays: readonly Bar[] = []
  readonly #readings = new DelayReadings()
  readonly #listeners = new Set<() => void>()

  start(): void {
    follow<Live>('/v1/live?follow=true', {
      take: (live) => this.#take(live),
      lost: () => {
        this.link = 'lost'
        this.#tell()
      },
    })
    follow<EventAnswer>('/v1/events?follow=true', {
      take: (event) => {
        // After a restart of the switch numbers begin again.
        const others = this.events.filter(({ id, time }) => id !== event.id && time <= event.time)
        this.events = [event, ...others].slice(0, KEPT_EVENTS)
        this.#tell()
      },
      lost: () => {},
    })
  }

  /** Reads the delays of a port from now on. */
  watch(port: string | undefined): void {
    if (port === this.watched) return
    this.watched = port
    this.delays = []
    this.#readings.clear()
    void this.#readDelays()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  #take(live: Live): void {
    const said = verdictChanges(this.live?.promises ?? [], live.promises)
    if (said.length > 0) this.announced = [...this.announced, ...said].slice(-KEPT_WORDS)
    this.live = live
    this.link = 'live'
    this.history.take(live)
    this.#tell()
    void this.#readDelays()
  }

  async #readDelays(): Promise<void> {
    const { watched: port, live } = this
    if (port === undefined || !live) return
    try {
      const buckets = await readDelays(port)
      if (port !== this.watched) return
      this.#readings.add(live.clockS, buckets)
      this.delays = this.#readings.window()
      this.#tell()
    } catch {
      // The port has gone, or the switch: the stream tells of it.
    }
  }
}

/** Draws a view again when the model has changed, at most once a frame of the screen. */
export function useModel(model: Model): void {
  const [, draw] = useState(0)
  useEffect(() => {
    let asked = 0
    const stop = model.subscribe(() => {
      asked ||= requestAnimationFrame(() => {
        asked = 0
        draw((count) => count + 1)
      })
    })
    return () => {
      cancelAnimationFrame(asked)
      stop()
    }
  }, [model])
}
