/** Settings of a port that are changed one by one: null takes one out, a group changes what it names (RFC 7396). */
import { parsePort } from '../config/config.js'
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'
import type { Patch } from './config-file.js'

const isGroup = (value: unknown): value is Patch =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @param before may be no group: then the patch is all there is */
function merge(before: unknown, patch: Patch): Record<string, unknown> {
  const result: Record<string, unknown> = isGroup(before) ? { ...before } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = isGroup(value) ? merge(result[name], value) : value
  }
  return result
}

/** A group that became empty is none. */
function withoutEmpty(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => !isGroup(value) || Object.keys(value).length > 0),
  )
}

/** The port with the changes. Throws CONFIG when it cannot be so, USAGE for ports that programs made. */
export function patchPort(port: PortConfig, patch: Patch): PortConfig {
  if (port.kind === 'embedded')
    throw new RingferryError('USAGE', `port ${port.name}: belongs to the program that made it`)
  return parsePort(withoutEmpty(merge(port, patch)), `port ${port.name}`)
}
