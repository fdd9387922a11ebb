import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { countersSince, type PortCounters, totalDrops } from '../core/counters.js'
import { getStats, type PortStats } from '../daemon/api/routes/stats.js'
import { type PortRates, ratesOf } from '../daemon/rates.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { Interruption } from './interruption.js'
import { formatTable, print, printJson, shortNumber } from './output.js'

const INTERVAL_MS = 1000

interface RatedPort extends PortStats {
  readonly rates: PortRates
}

interface Reading {
  readonly time: string
  readonly clockS: number
  readonly ports: readonly PortStats[]
}

const countersOf = ({ counters, drops }: PortStats): PortCounters =>
  ({ counts: counters, drops }) as PortCounters

/** What was counted between two readings. A port that is new, or was removed and added, counts from 0. */
export function rated(before: Reading, now: Reading): RatedPort[] {
  const old = new Map(before.ports.map((port) => [port.name, port]))
  return now.ports.map((port) => {
    const last = old.get(port.name)
    const isSame = last && last.counters.polls <= port.counters.polls
    const counted = isSame ? countersSince(countersOf(port), countersOf(last)) : countersOf(port)
    return { ...port, rates: ratesOf(counted, now.clockS - before.clockS) }
  })
}

/** Rates of all ports. Ingress is what enters the switch from the port, egress what leaves it by the port. */
export function ratesTable(ports: readonly RatedPort[]): string {
  const rows = ports.map((port) => [
    port.name,
    shortNumber(port.rates.ingressFps),
    shortNumber(port.rates.ingressMbps),
    shortNumber(port.rates.egressFps),
    shortNumber(port.rates.egressMbps),
    shortNumber(port.rates.callsPerS),
    shortNumber(port.rates.dropsPerS),
    shortNumber(totalDrops(countersOf(port))),
  ])
  const head = ['port', 'ingress f/s', 'Mb/s', 'egress f/s', 'Mb/s', 'calls/s', 'drops/s', 'drops']
  return formatTable(head, rows, [1, 2, 3, 4, 5, 6, 7])
}

/** Every counter of a port that is not 0. */
function countersTable({ counters, drops }: PortStats): string {
  const rows = [
    ...Object.entries(counters),
    ...Object.entries(drops).map(([name, value]) => [`drops: ${name}`, value] as const),
  ]
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => [name, `${value}`])
  return rows.length === 0
    ? 'nothing was counted yet'
    : formatTable(['counter', 'since it was added'], rows, [1])
}

export function addStats(program: Command): void {
  withControl(
    program
      .command('stats')
      .description('rates of the ports over a second; of one port all counters as well')
      .argument('[port]', 'only this one')
      .option('-w, --watch', 'again every second, until Ctrl-C'),
    ['stats', 'stats -w', 'stats g1', 'stats --json'],
  ).action(async (port: string | undefined, options: ControlOptions & { readonly watch?: boolean }) => {
    const client = clientOf(options)
    const read = (): Promise<Reading> => client.call(getStats, { query: port === undefined ? {} : { port } })
    const interruption = new Interruption()
    let before = await read()
    do {
      await sleep(INTERVAL_MS, undefined, { signal: interruption.signal }).catch(() => {})
      if (interruption.signal.aborted) return
      const now = await read()
      const ports = rated(before, now)
      if (options.json) printJson({ time: now.time, intervalS: now.clockS - before.clockS, ports })
      else {
        print(options.watch ? `${now.time}\n${ratesTable(ports)}\n` : ratesTable(ports))
        if (port !== undefined && !options.watch) for (const each of ports) print(`\n${countersTable(each)}`)
      }
      before = now
    } while (options.watch)
  })
}
