/** What `ringferry up` shows: a live table on a terminal, else lines when something changes, or JSON lines. */

import { countersSince, type PortCounters, totalDrops } from '../core/counters.js'
import type { Outcome } from '../daemon/daemon.js'
import type { Change } from '../daemon/plan.js'
import { ratesOf } from '../daemon/rates.js'
import type { Switch, SwitchEvent } from '../engine/switch.js'
import type { PortStatus } from '../port/port.js'
import { formatTable, print, printJson, shortNumber } from './output.js'

const HEAD = [
  'port',
  'kind',
  'state',
  'ingress f/s',
  'Mb/s',
  'egress f/s',
  'Mb/s',
  'calls/s',
  'drops',
  'place',
]
const RIGHT = [3, 4, 5, 6, 7, 8]
const SECOND_MS = 1000

/** One port in one interval. */
export interface PortSample {
  readonly status: PortStatus
  /** Since the port was added. */
  readonly counters: PortCounters
  /** In the interval. */
  readonly counted: PortCounters
  readonly seconds: number
}

/** Reads all ports, and what they counted since the last call. */
export class Sampler {
  readonly #switch: Switch
  readonly #before = new Map<string, PortCounters>()
  #lastMs = performance.now()

  constructor(source: Switch) {
    this.#switch = source
  }

  /** Ports that went, or came anew: their counters begin again. */
  forget(names: readonly string[]): void {
    for (const name of names) this.#before.delete(name)
  }

  take(): PortSample[] {
    const nowMs = performance.now()
    const seconds = (nowMs - this.#lastMs) / SECOND_MS
    this.#lastMs = nowMs
    return this.#switch.status().map((status) => {
      const counters = this.#switch.counters(status.name)
      const counted = countersSince(counters, this.#before.get(status.name) ?? counters)
      this.#before.set(status.name, counters)
      return { status, counters, counted, seconds }
    })
  }
}

/** The live table: rates of the last interval, drops since the start. Ingress is what enters the switch from the port, egress what leaves it by the port. */
export function statsTable(samples: readonly PortSample[]): string {
  const rows = samples.map(({ status, counters, counted, seconds }) => {
    const rates = ratesOf(counted, seconds)
    return [
      status.name,
      status.kind,
      status.heldDown === undefined ? status.state : 'held',
      shortNumber(rates.ingressFps),
      shortNumber(rates.ingressMbps),
      shortNumber(rates.egressFps),
      shortNumber(rates.egressMbps),
      shortNumber(rates.callsPerS),
      shortNumber(totalDrops(counters)),
      status.place,
    ]
  })
  return formatTable(HEAD, rows, RIGHT)
}

/** The JSON line of one interval. */
export function statsRecord(samples: readonly PortSample[], time: Date): object {
  return {
    type: 'stats',
    time: time.toISOString(),
    intervalS: samples[0]?.seconds ?? 0,
    ports: samples.map(({ status, counters, counted, seconds }) => ({
      ...status,
      rates: ratesOf(counted, seconds),
      counters: counters.counts,
      drops: counters.drops,
    })),
  }
}

/** A change in words: "g1: attached (/tmp/g1.sock)". */
export function eventLine({ event, port, detail }: SwitchEvent): string {
  return `${port.name}: ${event}${detail === '' ? '' : ` (${detail})`}`
}

const CHANGE_WORDS: Readonly<Record<Change['change'], string>> = {
  added: 'added',
  removed: 'removed',
  replaced: 'removed and added again',
  changed: 'changed in place',
  'needs-restart': 'changes with the next start of the switch',
}

/** A change in lines: "reloaded: g1: removed and added again (vlan)". */
export function changeLines(outcome: Outcome): string[] {
  if ('error' in outcome) return [`not reloaded, nothing was changed: ${outcome.error}`]
  if (outcome.changes.length === 0) return ['reloaded: nothing differs']
  const by = outcome.by === 'reload' ? 'reloaded' : 'changed'
  return outcome.changes.map(
    ({ subject, change, detail }) =>
      `${by}: ${subject}: ${CHANGE_WORDS[change]}${detail === '' ? '' : ` (${detail})`}`,
  )
}

export interface View {
  /**
   * @param samples all ports, just opened
   * @param enter the command that leads to their devices, when these are not in the user's own namespace
   */
  begin(samples: readonly PortSample[], enter?: string): void
  event(event: SwitchEvent): void
  /** The configuration was read again, or changed by request. */
  changed(outcome: Outcome): void
  /** Called once a second. */
  second(samples: readonly PortSample[]): void
}

function describe(port: PortStatus): string {
  return `${port.name}: ${port.kind} ${port.place} (${port.state})`
}

const enterHint = (enter: string): string =>
  `the devices live in a network namespace of this switch; enter it with: ${enter}`
const STOP_HINT = 'Ctrl-C stops'

export function jsonView(): View {
  return {
    begin: (samples, enter) =>
      printJson({
        type: 'ready',
        time: new Date().toISOString(),
        ports: samples.map(({ status }) => status),
        ...(enter === undefined ? {} : { enter }),
      }),
    event: ({ event, port, detail }) =>
      printJson({ type: 'event', time: new Date().toISOString(), event, detail, port }),
    changed: ({ by, ...outcome }) =>
      printJson({ type: by === 'reload' ? by : 'change', time: new Date().toISOString(), ...outcome }),
    second: (samples) => printJson(statsRecord(samples, new Date())),
  }
}

export function plainView(): View {
  return {
    begin(samples, enter) {
      for (const { status } of samples) print(describe(status))
      if (enter !== undefined) print(enterHint(enter))
      print(`the switch runs; ${STOP_HINT}`)
    },
    event: (event) => print(`${new Date().toISOString()} ${eventLine(event)}`),
    changed(outcome) {
      for (const line of changeLines(outcome)) print(`${new Date().toISOString()} ${line}`)
    },
    second: () => {},
  }
}

/** Redraws a table in place; events scroll by above it. */
export function liveView(): View {
  let lines = 0
  let table = ''
  const erase = (): void => {
    if (lines > 0) process.stdout.write(`\x1b[${lines}A\x1b[J`)
    lines = 0
  }
  const draw = (): void => {
    const columns = process.stdout.columns ?? 80
    const text = table.split('\n').map((line) => line.slice(0, columns - 1))
    print([...text, '', STOP_HINT].join('\n'))
    lines = text.length + 2
  }
  const show = (samples: readonly PortSample[]): void => {
    erase()
    table = statsTable(samples)
    draw()
  }
  const say = (texts: readonly string[]): void => {
    erase()
    for (const text of texts) print(`${new Date().toLocaleTimeString()} ${text}`)
    if (table !== '') draw()
  }
  return {
    begin(samples, enter) {
      if (enter !== undefined) print(enterHint(enter))
      show(samples)
    },
    event: (event) => say([eventLine(event)]),
    changed: (outcome) => say(changeLines(outcome)),
    second: show,
  }
}
