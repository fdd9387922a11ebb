/**
 * What it takes to make a running switch fit a configuration, found out without doing it. Ports whose settings are the
 * same, or may change in an open port, keep their guests; others that differ are removed and added. What belongs to the
 * engine's start stays as it is, and is named.
 */
import { isDeepStrictEqual } from 'node:util'
import { configData, type SwitchConfig } from '../config/config.js'
import { AWAKE_DEFAULT } from '../control/awake.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT } from '../control/defaults.js'
import type { SwitchTuneChange } from '../control/tuning.js'
import { changesInPlace, differences, type PortChange } from '../port/change.js'
import type { PortConfig } from '../port/config.js'

/** A setting that differs; null where it is not set. */
export interface SettingChange {
  readonly setting: string
  readonly before: unknown
  readonly after: unknown
}

export const CHANGES = ['added', 'removed', 'replaced', 'changed', 'needs-restart'] as const

export interface Change {
  readonly about: 'port' | 'engine' | 'control'
  /** The port's name; else as `about`. */
  readonly subject: string
  /** replaced: removed and added, its guest attaches again; changed: in place, its guest stays. */
  readonly change: (typeof CHANGES)[number]
  /** Which settings; may be empty. */
  readonly detail: string
  readonly settings: readonly SettingChange[]
}

export interface Plan {
  readonly changes: readonly Change[]
  /** What the switch is asked. */
  readonly ports: readonly PortChange[]
  readonly tune: SwitchTuneChange
}

type EngineSettings = SwitchConfig['engine']

/** Settings of the engine that change while it runs. Without them it does what these say. */
export const ENGINE_DEFAULTS = {
  policy: POLICY_DEFAULT,
  budget: BUDGET_DEFAULT,
  awake: AWAKE_DEFAULT,
} as const
const TUNED = Object.keys(ENGINE_DEFAULTS) as (keyof typeof ENGINE_DEFAULTS)[]

/** The settings with these names, before and after. */
function settingChanges(names: readonly string[], before: object, after: object): SettingChange[] {
  const of = (settings: object, name: string): unknown => (settings as Record<string, unknown>)[name] ?? null
  return names.map((setting) => ({ setting, before: of(before, setting), after: of(after, setting) }))
}

function change(
  about: Change['about'],
  subject: string,
  kind: Change['change'],
  names: readonly string[] = [],
  before: object = {},
  after: object = {},
): Change {
  return {
    about,
    subject,
    change: kind,
    detail: names.join(', '),
    settings: settingChanges(names, before, after),
  }
}

/** What becomes of a port that is there and stays, and what is said of it; undefined when nothing differs. */
export function portStep(
  before: PortConfig,
  after: PortConfig,
): { readonly ask: readonly PortChange[]; readonly say: Change } | undefined {
  const names = differences(before, after)
  if (names.length === 0) return undefined
  const { name } = after
  if (names.every((setting) => changesInPlace(after.kind, setting)))
    return {
      ask: [{ change: 'set', config: after }],
      say: change('port', name, 'changed', names, before, after),
    }
  const ask: PortChange[] = [
    { change: 'remove', name },
    { change: 'add', config: after },
  ]
  return { ask, say: change('port', name, 'replaced', names, before, after) }
}

function planPorts(before: SwitchConfig, after: SwitchConfig): { ask: PortChange[]; say: Change[] } {
  const old = new Map(before.ports.map((port) => [port.name, port]))
  const wanted = new Set(after.ports.map(({ name }) => name))
  // Ports that programs made are in no file.
  const gone = before.ports.filter(({ name, kind }) => kind !== 'embedded' && !wanted.has(name))
  const ask: PortChange[] = gone.map(({ name }) => ({ change: 'remove', name }))
  const say = gone.map(({ name }) => change('port', name, 'removed'))
  for (const config of after.ports) {
    const running = old.get(config.name)
    const step = running
      ? portStep(running, config)
      : { ask: [{ change: 'add', config } as const], say: change('port', config.name, 'added') }
    if (!step) continue
    ask.push(...step.ask)
    say.push(step.say)
  }
  return { ask, say }
}

/** The change of the engine's tuning, and what is said of it. */
function planEngine(
  before: EngineSettings,
  after: EngineSettings,
): { readonly tune: SwitchTuneChange; readonly say: readonly Change[] } {
  const isTuned = (name: string): boolean => (TUNED as readonly string[]).includes(name)
  const [had, has] = [
    { ...ENGINE_DEFAULTS, ...before },
    { ...ENGINE_DEFAULTS, ...after },
  ]
  const names = [...new Set([...Object.keys(had), ...Object.keys(has)])] as (keyof EngineSettings)[]
  const changed = names.filter((name) => !isDeepStrictEqual(had[name], has[name]))
  const tuned = TUNED.filter((name) => changed.includes(name))
  const restart = changed.filter((name) => !isTuned(name))
  const [dataBefore, dataAfter] = [before, after].map(
    (engine) => configData({ engine, ports: [] }).engine ?? {},
  ) as [object, object]
  const say: Change[] = []
  const inFile = restart.map((name) => (name === 'memoryBytes' ? 'memoryMb' : name))
  if (restart.length > 0) say.push(change('engine', 'engine', 'needs-restart', inFile, dataBefore, dataAfter))
  if (tuned.length > 0) say.push(change('engine', 'engine', 'changed', tuned, had, has))
  return { tune: Object.fromEntries(tuned.map((name) => [name, has[name]])), say }
}

/** @param before what it runs with; @param after what it is to run with */
export function makePlan(before: SwitchConfig, after: SwitchConfig): Plan {
  const { ask, say } = planPorts(before, after)
  const { tune, say: ofEngine } = planEngine(before.engine, after.engine)
  const control = isDeepStrictEqual(before.control, after.control)
    ? []
    : [change('control', 'control', 'needs-restart')]
  return { changes: [...say, ...ofEngine, ...control], ports: ask, tune }
}

/**
 * What a file that is read again asks of a switch that was changed since: what differs in the file since it was read last
 * is as the file says, all else as it is.
 * @param read the file when it was read last; @param running what the switch runs with; @param again the file now
 */
export function mergeChanges(read: SwitchConfig, running: SwitchConfig, again: SwitchConfig): SwitchConfig {
  const byName = (config: SwitchConfig): Map<string, PortConfig> =>
    new Map(config.ports.map((port) => [port.name, port]))
  const [was, is, wanted] = [byName(read), byName(running), byName(again)]
  const names = [...new Set([...wanted.keys(), ...is.keys()])]
  const ports = names.flatMap((name) => {
    const port = (isDeepStrictEqual(was.get(name), wanted.get(name)) ? is : wanted).get(name)
    return port ? [port] : []
  })
  const engineNames = Object.keys({
    ...read.engine,
    ...running.engine,
    ...again.engine,
  }) as (keyof EngineSettings)[]
  const engine = Object.fromEntries(
    engineNames.flatMap((name) => {
      const isSame = isDeepStrictEqual(read.engine[name], again.engine[name])
      const value = (isSame ? running : again).engine[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const control = isDeepStrictEqual(read.control, again.control) ? running.control : again.control
  return { engine, ports, ...(control === undefined ? {} : { control }) }
}
