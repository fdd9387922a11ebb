/**
 * A new configuration for a running switch. Ports come, go and change by one list that is carried out whole or refused
 * whole: those whose settings are the same, or may change in an open port, keep their guests; others that differ are
 * removed and added. What belongs to the engine's start stays as it is, and is named.
 */
import { isDeepStrictEqual } from 'node:util'
import type { SwitchConfig } from '../config/config.js'
import { AWAKE_DEFAULT } from '../control/awake.js'
import { BUDGET_DEFAULT, POLICY_DEFAULT } from '../control/defaults.js'
import type { SwitchTuneChange } from '../control/tuning.js'
import type { Switch } from '../engine/switch.js'
import { changesInPlace, differences, type PortChange } from '../port/change.js'

export interface ReloadChange {
  /** A port's name, "engine" or "control". */
  readonly subject: string
  readonly change: 'added' | 'removed' | 'replaced' | 'changed' | 'needs-restart'
  /** Which settings; may be empty. */
  readonly detail: string
}

export interface Reloaded {
  /** What the switch runs with now. */
  readonly config: SwitchConfig
  readonly changes: readonly ReloadChange[]
}

/** What reloading needs of a switch. */
export type ReloadableSwitch = Pick<Switch, 'apply' | 'tune'>

type EngineSettings = SwitchConfig['engine']

/** Settings of the engine that change while it runs. Without them it does what these say. */
const ENGINE_DEFAULTS = { policy: POLICY_DEFAULT, budget: BUDGET_DEFAULT, awake: AWAKE_DEFAULT } as const

/** What a part of the reload comes to: what the switch is asked, and what is said of it. */
interface Step {
  readonly ask: readonly PortChange[]
  readonly say: ReloadChange
}

function portSteps(before: SwitchConfig, after: SwitchConfig): Step[] {
  const old = new Map(before.ports.map((port) => [port.name, port]))
  const wanted = new Set(after.ports.map(({ name }) => name))
  const gone = before.ports.filter(({ name }) => !wanted.has(name))
  const steps = gone.map(
    ({ name }): Step => ({
      ask: [{ change: 'remove', name }],
      say: { subject: name, change: 'removed', detail: '' },
    }),
  )
  for (const config of after.ports) {
    const { name: subject } = config
    const running = old.get(subject)
    const changed = running ? differences(running, config) : []
    const detail = changed.join(', ')
    const remove: PortChange = { change: 'remove', name: subject }
    const add: PortChange = { change: 'add', config }
    if (!running) steps.push({ ask: [add], say: { subject, change: 'added', detail } })
    else if (changed.length === 0) continue
    else if (changed.every((setting) => changesInPlace(config.kind, setting)))
      steps.push({ ask: [{ change: 'set', config }], say: { subject, change: 'changed', detail } })
    else steps.push({ ask: [remove, add], say: { subject, change: 'replaced', detail } })
  }
  return steps
}

/** The change of the engine's tuning, what the engine has then, and what is said of it. */
function engineStep(
  before: EngineSettings,
  after: EngineSettings,
): {
  readonly tune: SwitchTuneChange
  readonly engine: EngineSettings
  readonly say: readonly ReloadChange[]
} {
  const { policy, budget, awake, ...fixed } = after
  const { policy: oldPolicy, budget: oldBudget, awake: oldAwake, ...oldFixed } = before
  const keys = [...new Set([...Object.keys(oldFixed), ...Object.keys(fixed)])] as (keyof typeof fixed)[]
  const needsRestart = keys.filter((key) => !isDeepStrictEqual(oldFixed[key], fixed[key]))
  const tune = {
    ...(isDeepStrictEqual(oldPolicy, policy) ? {} : { policy: policy ?? ENGINE_DEFAULTS.policy }),
    ...(oldBudget === budget ? {} : { budget: budget ?? ENGINE_DEFAULTS.budget }),
    ...(oldAwake === awake ? {} : { awake: awake ?? ENGINE_DEFAULTS.awake }),
  }
  const says: ReloadChange[] = []
  if (needsRestart.length > 0)
    says.push({ subject: 'engine', change: 'needs-restart', detail: needsRestart.join(', ') })
  const tuned = Object.keys(tune).join(', ')
  if (tuned !== '') says.push({ subject: 'engine', change: 'changed', detail: tuned })
  const engine = {
    ...oldFixed,
    ...(policy === undefined ? {} : { policy }),
    ...(budget === undefined ? {} : { budget }),
    ...(awake === undefined ? {} : { awake }),
  }
  return { tune, engine, say: says }
}

/**
 * Makes a running switch fit a configuration. Rejects, and nothing is changed then, with a RingferryError when the ports
 * cannot be as it says, and when the engine has ended.
 * @param before what it runs with: the configuration of its start, or of the last reload
 */
export async function reload(
  running: ReloadableSwitch,
  before: SwitchConfig,
  after: SwitchConfig,
): Promise<Reloaded> {
  const ports = portSteps(before, after)
  const { tune, engine, say } = engineStep(before.engine, after.engine)
  const changes = [...ports.map((step) => step.say), ...say]
  if (!isDeepStrictEqual(before.control, after.control))
    changes.push({ subject: 'control', change: 'needs-restart', detail: '' })
  if (ports.length > 0) await running.apply(ports.flatMap(({ ask }) => ask))
  if (Object.keys(tune).length > 0) await running.tune(tune)
  return { config: { ...before, engine, ports: after.ports }, changes }
}
