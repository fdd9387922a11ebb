/** Server-sent events. Source: WHATWG HTML, 9.2. */
import { Readable } from 'node:stream'
import type { DaemonEvent, EventLog } from '../events.js'

/** What may wait for a client beside what its socket holds; then it is hung up on: it asks again with the last id. */
const MAX_WAITING_BYTES = 262_144
/** Something is said so often, so that both sides know that the other is there. */
const COMMENT_EVERY_MS = 5_000

const textOf = (event: DaemonEvent): string => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`

/**
 * Text that arrives piece by piece. `start` is given what takes a piece, and returns how to stop; pieces that are not
 * taken in time end the stream.
 */
export function pushedText(start: (push: (text: string) => void) => () => void): Readable {
  let stop = (): void => {}
  const stream = new Readable({
    read: () => {},
    destroy: (error, done) => {
      clearInterval(timer)
      stop()
      done(error)
    },
  })
  const push = (text: string): void => {
    stream.push(text)
    if (stream.readableLength > MAX_WAITING_BYTES) stream.destroy()
  }
  const timer = setInterval(() => push(': here\n\n'), COMMENT_EVERY_MS)
  stop = start(push)
  return stream
}

/** Events after one, and all that follow. */
export function followEvents(events: EventLog, after: number): Readable {
  return pushedText((push) => {
    push(': events\n\n')
    for (const event of events.after(after)) push(textOf(event))
    return events.subscribe((event) => push(textOf(event)))
  })
}
