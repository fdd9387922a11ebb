import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ApiClient } from '../daemon/api/client.js'
import { listEvents } from '../daemon/api/routes/events.js'
import { listPorts } from '../daemon/api/routes/ports.js'
import { listPromises } from '../daemon/api/routes/promises.js'
import { getStats } from '../daemon/api/routes/stats.js'
import { getStatus } from '../daemon/api/routes/status.js'
import { RingferryError } from '../errors/errors.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { eventWords } from './events.js'
import { canDraw, FullScreen } from './full-screen.js'
import { Interruption } from './interruption.js'
import { outputColumns, print, printJson } from './output.js'
import { NO_PAINT, paintFor } from './paint.js'
import { Sampler } from './port-samples.js'
import { type Frame, Title, topPorts } from './top-frame.js'
import { afterKey, FIRST_VIEW, screenLines, type TopEvent, type TopSnapshot } from './top-screen.js'

const SECOND_MS = 1000
const KEPT_EVENTS = 50
const BAD_EVENTS: readonly string[] = ['error', 'loop', 'policy-lost', 'target-missed', 'not-reloaded']

/** Asks a switch for one frame after the other. */
class Feed {
  readonly #client: ApiClient
  readonly #sampler = new Sampler()
  readonly #events: TopEvent[] = []
  #after = 0

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** The last events so far, oldest first. */
  get events(): readonly TopEvent[] {
    return this.#events
  }

  /** Rejects with what the switch answers, and with what keeps it from answering. */
  async take(): Promise<Frame> {
    const client = this.#client
    const [status, { ports }, stats, { promises }, { events }] = await Promise.all([
      client.call(getStatus),
      client.call(listPorts),
      client.call(getStats),
      client.call(listPromises),
      client.call(listEvents, { query: { after: this.#after } }),
    ])
    for (const event of events)
      this.#events.push({
        time: event.time,
        text: eventWords(event),
        isBad: BAD_EVENTS.includes(event.event),
      })
    this.#after = events.at(-1)?.id ?? this.#after
    this.#events.splice(0, this.#events.length - KEPT_EVENTS)
    const counted = new Map(
      stats.ports.map(({ name, counters, drops }) => [name, { counts: counters, drops }]),
    )
    const samples = ports.flatMap((port) => {
      const counters = counted.get(port.name)
      return counters ? [{ status: port, counters }] : []
    })
    return { status, samples: this.#sampler.take(samples, stats.clockS), promises }
  }
}

/** The frame of one second, as JSON: what the screen shows. */
function frameRecord(frame: Frame, time: Date): object {
  return { time: time.toISOString(), status: frame.status, ports: topPorts(frame), promises: frame.promises }
}

/** Draws until q or a signal. A switch that does not answer any more is said to be so, and asked again. */
async function live(feed: Feed, first: Frame): Promise<void> {
  const interruption = new Interruption()
  const ending = new AbortController()
  const title = new Title()
  const paint = paintFor(process.stdout)
  let snapshot: TopSnapshot = { title: '', ports: [], events: feed.events, quit: 'q quits' }
  let view = FIRST_VIEW
  const draw = (): void => screen.draw(screenLines(snapshot, view, screen.size, paint))
  const show = (frame: Frame): void => {
    const { stale: _, ...kept } = snapshot
    snapshot = { ...kept, title: title.text(frame.status), ports: topPorts(frame) }
    draw()
  }
  const screen = new FullScreen({
    onKey(key) {
      const next = afterKey(key, view, snapshot, screen.size)
      if (!next) return ending.abort()
      view = next
      draw()
    },
    onResize: draw,
  })
  const signal = AbortSignal.any([interruption.signal, ending.signal])
  try {
    show(first)
    while (!signal.aborted) {
      await sleep(SECOND_MS, undefined, { signal }).catch(() => {})
      if (signal.aborted) break
      try {
        show(await feed.take())
      } catch (error) {
        if (!(error instanceof RingferryError)) throw error
        snapshot = { stale: `${error.message} (${new Date().toISOString()})`, ...snapshot }
        draw()
      }
    }
  } finally {
    screen.end()
  }
}

/** Prints a frame a second, or one, as text or JSON lines. */
async function lines(feed: Feed, json: boolean, once: boolean): Promise<void> {
  const interruption = new Interruption()
  const title = new Title()
  while (!interruption.signal.aborted) {
    await sleep(SECOND_MS, undefined, { signal: interruption.signal }).catch(() => {})
    if (interruption.signal.aborted) return
    const frame = await feed.take()
    if (json) printJson(frameRecord(frame, new Date()))
    else {
      const snapshot = {
        title: title.text(frame.status),
        ports: topPorts(frame),
        events: feed.events,
      }
      const size = { columns: outputColumns(), rows: Number.POSITIVE_INFINITY }
      print(screenLines(snapshot, FIRST_VIEW, size, NO_PAINT).join('\n'))
    }
    if (once) return
  }
}

interface TopOptions extends ControlOptions {
  readonly once?: boolean
}

export function addTop(program: Command): void {
  withControl(
    program
      .command('top')
      .description('the running switch, live: rates, drops, delays against targets, events')
      .option('--once', 'print one second and end; so it is where standard output is no terminal')
      .addHelpText(
        'after',
        `
Keys: j k, arrows, PgUp PgDn, g G scroll; r n d p sort by rate, name, drops and p99, s by the next; q quits.
Ingress (in) is what enters the switch from a port, egress (out) what leaves it by the port. p99 and verdict:
docs/promise.md. Colours: NO_COLOR, FORCE_COLOR.`,
      ),
    ['top', 'top --once', 'top --json | head -1'],
  ).action(async (options: TopOptions) => {
    const feed = new Feed(clientOf(options))
    const first = await feed.take()
    if (options.json) await lines(feed, true, options.once ?? false)
    else if (options.once || !canDraw()) await lines(feed, false, true)
    else await live(feed, first)
  })
}
