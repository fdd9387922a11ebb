/**
 * A running switch with all that belongs to it beside its engine: what the API and `ringferry up` work with. Changes come
 * one after the other, each whole or not at all:
 *
 *   what it runs with -> what it is to run with -> plan -> (file, beside) -> ports, tuning -> file, renamed -> events
 */
import { readConfigText, type SwitchConfig } from '../config/config.js'
import type { FdbFilter } from '../core/fdb.js'
import type { Switch } from '../engine/switch.js'
import type { SwitchEvent } from '../engine/switch-types.js'
import { RingferryError } from '../errors/errors.js'
import { ringferryVersion } from '../sys/version.js'
import { ConfigFile, type FileEdit } from './config-file.js'
import { EventLog } from './events.js'
import { type Log, makeLog } from './log.js'
import { type Change, ENGINE_DEFAULTS, makePlan, mergeChanges, type Plan } from './plan.js'

/** The file that a switch was started with. */
export interface ConfigSource {
  readonly path: string
  /** What it said. */
  readonly text: string
  /** The configuration that such a text, and the command line, make. Throws CONFIG. */
  configOf(text: string): SwitchConfig
}

import { PromiseBook } from './promise-book.js'

export interface DaemonOptions {
  /** What the switch was started with. */
  readonly config?: SwitchConfig
  readonly source?: ConfigSource
  readonly log?: Log
  /** What has happened before anybody could listen. */
  readonly early?: readonly SwitchEvent[]
}

/** A change that is asked for. */
export interface ChangeRequest {
  /** What the switch is to run with. Throws a RingferryError when that makes no sense. */
  edit(running: SwitchConfig): SwitchConfig
  /** Throws when what it comes to is not wanted. */
  check?(plan: Plan): void
  /** Find out what it comes to, and do nothing. */
  readonly dryRun?: boolean
  /** What is written back into the file. */
  readonly persist?: readonly FileEdit[] | undefined
}

/** What came of a change, or why there was none. */
export type Outcome =
  | { readonly by: 'reload' | 'request'; readonly changes: readonly Change[] }
  | { readonly by: 'reload'; readonly error: string }

const NO_FILE = 'the switch was started without --config'

export class Daemon {
  readonly switch: Switch
  readonly events = new EventLog()
  readonly log: Log
  readonly startedAt = new Date()
  readonly version = ringferryVersion()
  /** Whether delay targets are kept. */
  readonly promises: PromiseBook
  readonly #start: SwitchConfig
  readonly #source: ConfigSource | undefined
  readonly #file: ConfigFile | undefined
  /** The file and the command line, as they were last read. */
  #read: SwitchConfig
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false
  readonly #listeners = new Set<(outcome: Outcome) => void>()

  constructor(
    running: Switch,
    { config = { engine: {}, ports: [] }, source, log = makeLog(), early = [] }: DaemonOptions = {},
  ) {
    this.switch = running
    this.promises = new PromiseBook(running)
    this.log = log
    this.#start = config
    this.#read = config
    this.#source = source
    this.#file = source && new ConfigFile(source.path, source.text)
    const add = ({ event, port, detail }: SwitchEvent): void => this.events.add(event, port.name, detail)
    for (const event of early) add(event)
    running.subscribe(add)
    this.promises.subscribe(({ event, verdict: { name, sentence, advice } }) =>
      this.events.add(event, name, `${sentence}.${advice === '' ? '' : ` ${advice}`}`),
    )
  }

  /** The file that it was started with. */
  get configFile(): string | undefined {
    return this.#source?.path
  }

  /** What the switch runs with at present, tuning included. */
  running(): SwitchConfig {
    const { policy, budget, awake } = this.switch.tuning()
    const tuned = { policy, budget, awake: awake.share }
    const { engine, ...rest } = this.#start
    const fixed = Object.entries(engine).filter(([name]) => !(name in ENGINE_DEFAULTS))
    const changed = Object.entries(tuned).filter(
      ([name, value]) =>
        name in engine ||
        JSON.stringify(value) !== JSON.stringify(ENGINE_DEFAULTS[name as keyof typeof tuned]),
    )
    return { ...rest, engine: Object.fromEntries([...fixed, ...changed]), ports: this.switch.configs() }
  }

  /** Calls back after every change of the configuration, and after a file that could not be taken. */
  onChange(listener: (outcome: Outcome) => void): void {
    this.#listeners.add(listener)
  }

  /** Makes a change. Rejects, and nothing is changed then, with the RingferryError that says why. */
  change(request: ChangeRequest): Promise<readonly Change[]> {
    return this.#next(() => this.#change(request, 'request'))
  }

  /** Reads the file again. What was changed at run time stays, unless the file differs there from what it was. */
  reload(): Promise<void> {
    return this.#next(async () => {
      try {
        if (!this.#source) throw new RingferryError('USAGE', `there is nothing to reload: ${NO_FILE}`)
        const text = readConfigText(this.#source.path)
        const again = this.#source.configOf(text)
        await this.#change({ edit: (running) => mergeChanges(this.#read, running, again) }, 'reload')
        this.#read = again
        if (this.#file) this.#file.text = text
      } catch (error) {
        // Of the engine's end the switch tells by itself.
        if (!(error instanceof RingferryError)) return
        this.events.add('not-reloaded', null, error.message)
        this.#tell({ by: 'reload', error: error.message })
      }
    })
  }

  /** Forgets addresses. Returns how many. Rejects with NOT_FOUND. */
  async flushFdb(filter: FdbFilter): Promise<number> {
    const count = await this.switch.flushFdb(filter)
    const { port = null, vlan, mac } = filter
    const of = [...(vlan === undefined ? [] : [`VLAN ${vlan}`]), ...(mac === undefined ? [] : [mac])]
    this.events.add('flushed', port, [`${count} addresses`, ...of].join(', '))
    return count
  }

  /**
   * Takes no frame any more, and lets go what was taken (Switch.drain).
   * @returns frames that have not left in time, by port
   */
  drain(limitMs: number): Promise<ReadonlyMap<string, number>> {
    return this.#next(async () => {
      const waiting = await this.switch.drain(limitMs)
      const left = [...waiting].map(([name, frames]) => `${name} ${frames}`)
      this.log.info({ waiting: Object.fromEntries(waiting) }, 'drained')
      this.events.add('drained', null, left.length === 0 ? '' : `frames that wait still: ${left.join(', ')}`)
      return waiting
    })
  }

  /** Takes frames again. */
  resume(): Promise<void> {
    return this.#next(async () => {
      if (!this.switch.isDrained) return
      await this.switch.resume()
      this.events.add('resumed', null, '')
    })
  }

  /** Ends the change at work, and what it does by itself; the switch goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.promises.close()
    await this.#last
  }

  #next<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(() => {
      if (this.#isClosed) throw new RingferryError('INTERRUPTED', 'the switch is stopping')
      return work()
    })
    this.#last = done.catch(() => {})
    return done
  }

  async #change(request: ChangeRequest, by: 'reload' | 'request'): Promise<readonly Change[]> {
    const before = this.running()
    const plan = makePlan(before, request.edit(before))
    request.check?.(plan)
    const written = request.persist && this.#prepare(request.persist)
    if (request.dryRun) return plan.changes
    const pending = written?.write()
    try {
      if (plan.ports.length > 0) await this.switch.apply(plan.ports)
      if (Object.keys(plan.tune).length > 0) await this.switch.tune(plan.tune)
    } catch (error) {
      pending?.cancel()
      throw error
    }
    if (written && this.#source) {
      pending?.commit()
      this.#read = this.#source.configOf(written.text)
    }
    for (const { about, subject, change, detail } of plan.changes)
      this.events.add(
        change,
        about === 'port' ? subject : null,
        about === 'port' ? detail : detail || subject,
      )
    if (plan.changes.length > 0 || by === 'reload') this.#tell({ by, changes: plan.changes })
    return plan.changes
  }

  #prepare(edits: readonly FileEdit[]): ReturnType<ConfigFile['prepare']> {
    if (this.#file) return this.#file.prepare(edits)
    throw new RingferryError('USAGE', `nothing can be written back: ${NO_FILE}`)
  }

  #tell(outcome: Outcome): void {
    for (const listener of this.#listeners) listener(outcome)
  }
}
