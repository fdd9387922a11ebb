import { RingferryError } from '../errors/errors.js'
import { claimed, type PortChange, wrongMirror } from '../port/change.js'
import type { PortConfig } from '../port/config.js'

/** A list of changes in the order in which it is carried out. */
export interface SortedChanges {
  /** New settings of open ports. */
  readonly sets: readonly PortConfig[]
  /** Ports to add that need nothing of a port that goes. */
  readonly free: readonly PortConfig[]
  /** Ports that must go before `bound` can be added, and those. */
  readonly blocking: readonly PortConfig[]
  readonly bound: readonly PortConfig[]
  /** Ports that go whatever becomes of others. */
  readonly others: readonly PortConfig[]
}

/** Refuses a list that is wrong in itself: ports that are not there, twice in it, or claim one thing. */
function check(changes: readonly PortChange[], present: readonly PortConfig[], maxPorts: number): void {
  const names = new Set(present.map(({ name }) => name))
  const seen = new Set<string>()
  const after = new Map(present.map((config) => [config.name, config]))
  for (const change of changes.filter((each) => each.change !== 'add')) {
    const name = change.change === 'remove' ? change.name : change.config.name
    if (!names.has(name)) throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port`)
    if (seen.has(name)) throw new RingferryError('USAGE', `port ${name}: it is changed twice in one list`)
    seen.add(name)
    if (change.change === 'set') after.set(name, change.config)
    else after.delete(name)
  }
  const added = changes.flatMap((change) => (change.change === 'add' ? [change.config] : []))
  const result = [...after.values(), ...added]
  const clash = claimed(result)
  if (clash) {
    const { name } = result[clash.index] as PortConfig
    const what = clash.setting === 'name' ? 'the name' : `its ${clash.setting}`
    const by = clash.setting === 'name' ? '' : ` by port ${clash.by.name}`
    throw new RingferryError('USAGE', `port ${name}: ${what} is taken${by}; choose another`)
  }
  // A port that goes may leave those behind that copied it; who is told to copy must find it.
  const told = new Set(changes.flatMap((change) => (change.change === 'remove' ? [] : [change.config.name])))
  const wrong = wrongMirror(result, (name) => told.has(name))
  if (wrong) {
    const { name } = result[wrong.index] as PortConfig
    throw new RingferryError('USAGE', `port ${name}: mirror[${wrong.entry}] ${wrong.problem}`)
  }
  if (result.length > maxPorts)
    throw new RingferryError('UNSUPPORTED', `${result.length} ports: a switch has at most ${maxPorts} ports`)
}

/**
 * Brings changes into an order in which as much as possible can be undone. Throws a RingferryError when the list is wrong
 * in itself; settings are checked by the ports.
 * @param present the configurations of the open ports
 */
export function sortChanges(
  changes: readonly PortChange[],
  present: readonly PortConfig[],
  maxPorts: number,
): SortedChanges {
  check(changes, present, maxPorts)
  const gone = new Set(changes.flatMap((change) => (change.change === 'remove' ? [change.name] : [])))
  const removed = present.filter(({ name }) => gone.has(name))
  const added = changes.flatMap((change) => (change.change === 'add' ? [change.config] : []))
  const isBound = (config: PortConfig): boolean => claimed([...removed, config]) !== undefined
  const rows = maxPorts - present.length
  const free = added.filter((config) => !isBound(config)).slice(0, rows)
  const bound = added.filter((config) => !free.includes(config))
  // Without a row to spare whoever goes stands in the way.
  const isBlocking = (config: PortConfig): boolean =>
    free.length === rows || bound.some((each) => claimed([config, each]) !== undefined)
  const blocking = bound.length === 0 ? [] : removed.filter(isBlocking)
  return {
    sets: changes.flatMap((change) => (change.change === 'set' ? [change.config] : [])),
    free,
    blocking,
    bound,
    others: removed.filter((config) => !blocking.includes(config)),
  }
}
