import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { type EventAnswer, eventSchema, listEvents } from '../daemon/api/routes/events.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { Interruption } from './interruption.js'
import { print, printJson } from './output.js'

/** "g1: attached (/run/g1.sock)". */
export function eventWords({ port, event, detail }: Pick<EventAnswer, 'port' | 'event' | 'detail'>): string {
  return `${port ?? 'switch'}: ${event}${detail === '' ? '' : ` (${detail})`}`
}

/** "2026-01-01T00:00:00.000Z g1: attached (/run/g1.sock)". */
export function eventText(event: EventAnswer): string {
  return `${event.time} ${eventWords(event)}`
}

async function follow(options: ControlOptions): Promise<void> {
  const { signal } = new Interruption()
  const client = clientOf(options)
  const response = await client.stream(listEvents, { query: { follow: true } }, signal)
  try {
    for await (const line of createInterface({ input: response })) {
      if (!line.startsWith('data: ')) continue
      const event = client.read(eventSchema, line.slice('data: '.length))
      if (options.json) printJson(event)
      else print(eventText(event))
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

export function addEvents(program: Command): void {
  withControl(
    program
      .command('events')
      .description('what happened: guests that came and went, addresses that moved, changes; the last 1000')
      .option('-f, --follow', 'go on with events as they happen, until Ctrl-C'),
    ['events', 'events -f', 'events -f --json'],
  ).action(async (options: ControlOptions & { readonly follow?: boolean }) => {
    if (options.follow) return await follow(options)
    const answer = await clientOf(options).call(listEvents)
    if (!('events' in answer)) return
    if (options.json) printJson(answer)
    else if (answer.events.length === 0) print('nothing has happened yet')
    else for (const event of answer.events) print(eventText(event))
  })
}
