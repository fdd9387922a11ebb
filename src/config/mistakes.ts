/** Everything that is wrong with the data of a configuration, in the project's words. */
import type { z } from 'zod'
import { pathText, SettingError } from '../errors/setting-error.js'
import { shownValue } from '../errors/shown-value.js'
import { claims, wrongMirror } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { readSettings } from '../port/settings.js'
import { readVxlan } from '../port/vxlan-settings.js'
import { isPassed } from '../sys/passed-socket.js'
import { configSchema, portSchema } from './schema.js'
import { check, type Mistake, valueAt } from './schema-check.js'

type Path = readonly PropertyKey[]

/** A port, and where in the list it stands. */
export interface IndexedPort {
  readonly index: number
  readonly port: PortConfig
}

/** Ports of the data that are right in themselves, with their places. */
function readablePorts(data: unknown): IndexedPort[] {
  const ports = valueAt(data, ['ports'])
  if (!Array.isArray(ports)) return []
  return ports.flatMap((each, index) => {
    const { data: port } = portSchema.safeParse(each)
    return port ? [{ index, port }] : []
  })
}

/** Ports that claim the name, socket or device of one before them. */
export function duplicates(ports: readonly IndexedPort[]): Mistake[] {
  return claims(ports.map(({ port }) => port)).map(({ index, setting, by }) => {
    const found = ports[index] as IndexedPort
    const value = shownValue(valueAt(found.port, [setting]))
    return {
      path: ['ports', found.index, setting],
      text: `${setting} ${value} is taken by port ${by.name}; choose another`,
    }
  })
}

/** A port without the setting at a path, so that what else is wrong with it shows. */
function without(port: PortConfig, path: Path): PortConfig {
  const copy = structuredClone(port) as unknown as Record<string, unknown>
  const owner = valueAt(copy, path.slice(0, -1)) as Record<PropertyKey, unknown>
  // A list may not be empty: with its last item it goes.
  if (Array.isArray(owner) && owner.length === 1) return without(port, path.slice(0, -1))
  if (Array.isArray(owner)) owner.splice(path.at(-1) as number, 1)
  else delete owner[path.at(-1) as string]
  return copy as unknown as PortConfig
}

/** The path in the whole port of an item that is found in one whose items before it were taken out. */
function originalPath(path: Path, removed: readonly Path[]): Path {
  const [setting, at] = path
  if (typeof at !== 'number') return path
  const gone = removed.flatMap(([name, index]) => (name === setting ? [index as number] : []))
  let original = at
  for (const index of gone.sort((a, b) => a - b)) if (index <= original) original++
  return [setting as string, original, ...path.slice(2)]
}

/** What the schema cannot say of a port: addresses that are none, settings that exclude each other. */
function unreadable({ index, port }: IndexedPort): Mistake[] {
  const mistakes: Mistake[] = []
  const removed: Path[] = []
  for (let rest = port; ; ) {
    try {
      readSettings(rest)
      if (rest.kind === 'vxlan') readVxlan(rest)
      break
    } catch (error) {
      if (!(error instanceof SettingError)) throw error
      // What is missing now was taken out above.
      if (removed.length > 0 && valueAt(rest, error.path) === undefined) break
      const path = originalPath(error.path, removed)
      mistakes.push({
        path: ['ports', index, ...path],
        text: `${pathText(['ports', index, ...path])} ${error.problem}`,
      })
      if (valueAt(rest, error.path) === undefined) break
      removed.push(path)
      rest = without(rest, error.path)
    }
  }
  return [...mistakes, ...socketMistakes({ index, port })]
}

/** Settings of a socket that is not made here: in client mode, or handed over by whoever starts the switch. */
function socketMistakes({ index, port }: IndexedPort): Mistake[] {
  if (!('socket' in port)) return []
  const isClient = 'mode' in port && port.mode === 'client'
  const isHandedOver = isPassed(port.socket)
  const wrong = (setting: string, problem: string): Mistake[] => [
    { path: ['ports', index, setting], text: `${setting} ${problem}` },
  ]
  if (isHandedOver && isClient)
    return wrong('mode', `client connects, and "${port.socket}" is listened on; drop one`)
  if (isHandedOver && port.kind === 'dgram')
    return wrong('socket', `"${port.socket}" is handed over, which dgram cannot use; give a path`)
  const access = (['socketMode', 'socketOwner', 'socketGroup'] as const).find((key) => key in port)
  if (access === undefined || !(isClient || isHandedOver)) return []
  return wrong(
    access,
    `is for sockets that Ringferry makes, not for ${isClient ? 'mode client' : 'one that is handed over'}`,
  )
}

/** A mirror port of what it cannot copy. */
export function mirrors(ports: readonly PortConfig[]): Mistake[] {
  const wrong = wrongMirror(ports)
  if (!wrong) return []
  const path = ['ports', wrong.index, 'mirror', wrong.entry]
  return [{ path, text: `${pathText(path)} ${wrong.problem}` }]
}

/**
 * Checks data against the schema, and for what a schema cannot say. Returns the configuration, or all mistakes.
 * @param isWhole whether these are all ports that there will be
 */
export function findMistakes(
  data: unknown,
  isWhole = false,
): { readonly raw: z.infer<typeof configSchema> } | { readonly mistakes: readonly Mistake[] } {
  const { value, mistakes: wrong = [] } = check(configSchema, data ?? {}, 'the file')
  const ports = readablePorts(data)
  const mistakes = [...wrong, ...duplicates(ports), ...ports.flatMap(unreadable)]
  if (isWhole && value) mistakes.push(...mirrors(ports.map(({ port }) => port)))
  return value && mistakes.length === 0 ? { raw: value } : { mistakes }
}
