/**
 * A new configuration for a running switch. Ports whose settings are the same stay untouched, with their guests;
 * target and weight change in place; other ports that differ are removed and added. What belongs to the engine's
 * start stays as it is, and is named.
 */
import { isDeepStrictEqual } from 'node:util'
import type { SwitchConfig } from '../config/config.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT, VIF_DEFAULTS } from '../control/defaults.js'
import type { TuneChange } from '../control/tuning.js'
import type { Switch } from '../engine/switch.js'
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'

export interface ReloadChange {
  /** A port's name, or "engine". */
  readonly subject: string
  readonly change: 'added' | 'removed' | 'replaced' | 'tuned' | 'failed' | 'needs-restart'
  /** Which settings, or why not; may be empty. */
  readonly detail: string
}

export interface Reloaded {
  /** What the switch runs with now. */
  readonly config: SwitchConfig
  readonly changes: readonly ReloadChange[]
}

/** What reloading needs of a switch. */
export type ReloadableSwitch = Pick<Switch, 'addPort' | 'removePort' | 'tune'>

/** Settings of the engine that change while it runs. Without them it does what these say. */
const ENGINE_DEFAULTS = { policy: POLICY_DEFAULT, budget: BUDGET_DEFAULT } as const

type Settings = Readonly<Record<string, unknown>>

/** The settings in which two groups differ. */
function differences(before: object, after: object): string[] {
  const [a, b] = [before as Settings, after as Settings]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => !isDeepStrictEqual(a[key], b[key]),
  )
}

/** The values of some settings, with what holds where one is left out. */
function withDefaults(settings: object, keys: readonly string[], defaults: Settings): TuneChange {
  return Object.fromEntries(keys.map((key) => [key, (settings as Settings)[key] ?? defaults[key]]))
}

const isTuned = (keys: readonly string[], defaults: object): boolean =>
  keys.length > 0 && keys.every((key) => key in defaults)

class Reload {
  readonly #running: ReloadableSwitch
  readonly #changes: ReloadChange[] = []
  readonly #ports = new Map<string, PortConfig>()

  constructor(running: ReloadableSwitch) {
    this.#running = running
  }

  #say(subject: string, change: ReloadChange['change'], detail = ''): void {
    this.#changes.push({ subject, change, detail })
  }

  /** Does something that a user can mend when it fails. Returns whether it was done. */
  async #attempt(subject: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof RingferryError)) throw error
      this.#say(subject, 'failed', error.message)
      return false
    }
  }

  async #engine(
    before: SwitchConfig['engine'],
    after: SwitchConfig['engine'],
  ): Promise<SwitchConfig['engine']> {
    const changed = differences(before, after)
    const tuned = changed.filter((key) => key in ENGINE_DEFAULTS)
    const fixed = changed.filter((key) => !(key in ENGINE_DEFAULTS))
    if (fixed.length > 0) this.#say('engine', 'needs-restart', fixed.join(', '))
    const change = withDefaults(after, tuned, ENGINE_DEFAULTS)
    if (tuned.length === 0 || !(await this.#attempt('engine', () => this.#running.tune(change))))
      return before
    this.#say('engine', 'tuned', tuned.join(', '))
    const next = Object.fromEntries(Object.entries(before).filter(([key]) => !tuned.includes(key)))
    return { ...next, ...Object.fromEntries(Object.entries(after).filter(([key]) => tuned.includes(key))) }
  }

  async #add(port: PortConfig, old: PortConfig | undefined): Promise<void> {
    if (await this.#attempt(port.name, () => this.#running.addPort(port))) {
      this.#ports.set(port.name, port)
      this.#say(port.name, old ? 'replaced' : 'added', old ? differences(old, port).join(', ') : '')
    } else if (old && (await this.#attempt(port.name, () => this.#running.addPort(old))))
      this.#ports.set(old.name, old)
  }

  async #tune(port: PortConfig, old: PortConfig, changed: readonly string[]): Promise<void> {
    const change = { vif: port.name, ...withDefaults(port, changed, VIF_DEFAULTS) }
    const done = await this.#attempt(port.name, () => this.#running.tune(change))
    this.#ports.set(port.name, done ? port : old)
    if (done) this.#say(port.name, 'tuned', changed.join(', '))
  }

  async run(before: SwitchConfig, after: SwitchConfig): Promise<Reloaded> {
    const old = new Map(before.ports.map((port) => [port.name, port]))
    const wanted = new Set(after.ports.map(({ name }) => name))
    const replaced: PortConfig[] = []
    for (const port of before.ports.filter(({ name }) => !wanted.has(name))) {
      await this.#running.removePort(port.name)
      this.#say(port.name, 'removed')
    }
    for (const port of after.ports) {
      const running = old.get(port.name)
      const changed = running ? differences(running, port) : []
      if (running && changed.length === 0) this.#ports.set(port.name, running)
      else if (running && isTuned(changed, VIF_DEFAULTS)) await this.#tune(port, running, changed)
      else {
        // All go before the first comes: two ports may have changed places.
        if (running) await this.#running.removePort(port.name)
        replaced.push(port)
      }
    }
    for (const port of replaced) await this.#add(port, old.get(port.name))
    const engine = await this.#engine(before.engine, after.engine)
    if (!isDeepStrictEqual(before.control, after.control)) this.#say('control', 'needs-restart')
    const config = { ...before, engine, ports: [...this.#ports.values()] }
    return { config, changes: this.#changes }
  }
}

/**
 * Makes a running switch fit a configuration. What cannot be done is among the changes, with the reason; a port whose
 * new settings fail is put back as it was. Rejects when the engine has ended.
 * @param before what it runs with: the configuration of its start, or of the last reload
 */
export function reload(
  running: ReloadableSwitch,
  before: SwitchConfig,
  after: SwitchConfig,
): Promise<Reloaded> {
  return new Reload(running).run(before, after)
}
