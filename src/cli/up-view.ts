/** What `ringferry up` says: lines when something changes, or JSON lines. On a terminal: live-view.ts. */

import type { PromiseChange } from '../control/promise.js'
import type { Outcome } from '../daemon/daemon.js'
import type { Change } from '../daemon/plan.js'
import { ratesOf } from '../daemon/rates.js'
import type { SwitchEvent } from '../engine/switch-types.js'
import type { PortStatus } from '../port/port.js'
import { print, printJson } from './output.js'
import type { Frame } from './top-frame.js'

/** The JSON line of one interval. */
export function statsRecord({ samples, promises }: Pick<Frame, 'samples' | 'promises'>, time: Date): object {
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
    promises,
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

/** A target that is missed, or met again, in words: "g1: target missed by 812 us since ... because ...". */
export function targetLine({ verdict: { name, sentence, advice } }: PromiseChange): string {
  return `${name}: target ${sentence}.${advice === '' ? '' : ` ${advice}`}`
}

/** Where `up` says what happens. */
export interface View {
  /**
   * @param frame all ports, just opened
   * @param enter the command that leads to their devices, when these are not in the user's own namespace
   */
  begin(frame: Frame, enter?: string): void
  event(event: SwitchEvent): void
  /** The configuration was read again, or changed by request. */
  changed(outcome: Outcome): void
  /** A delay target is missed, or met again. */
  target(change: PromiseChange): void
  /** Called once a second, with what reads the switch. */
  second(frame: () => Frame): void
  /** The switch is about to stop. */
  end(): void
}

function describe(port: PortStatus): string {
  return `${port.name}: ${port.kind} ${port.place} (${port.state})`
}

export const enterHint = (enter: string): string =>
  `the devices live in a network namespace of this switch; enter it with: ${enter}`
export const STOP_HINT = 'Ctrl-C stops'

export function jsonView(): View {
  return {
    begin: ({ samples }, enter) =>
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
    target: ({ event, verdict }) =>
      printJson({ type: 'event', time: new Date().toISOString(), event, detail: verdict.sentence, verdict }),
    second: (frame) => printJson(statsRecord(frame(), new Date())),
    end: () => {},
  }
}

export function plainView(): View {
  return {
    begin({ samples }, enter) {
      for (const { status } of samples) print(describe(status))
      if (enter !== undefined) print(enterHint(enter))
      print(`the switch runs; ${STOP_HINT}`)
    },
    event: (event) => print(`${new Date().toISOString()} ${eventLine(event)}`),
    changed(outcome) {
      for (const line of changeLines(outcome)) print(`${new Date().toISOString()} ${line}`)
    },
    target: (change) => print(`${new Date().toISOString()} ${targetLine(change)}`),
    second: () => {},
    end: () => {},
  }
}
