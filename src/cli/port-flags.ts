/** Ports given on the command line: `--vif NAME=SOCKET[,key=value...]` and the like. */
import { RingferryError } from '../errors/errors.js'

/** Port kinds by flag, and the setting that stands after NAME=. */
export const PORT_FLAGS = {
  vif: 'socket',
  tap: 'device',
  packet: 'device',
  stream: 'socket',
  dgram: 'socket',
  vxlan: 'local',
  xen: 'guest',
} as const
export type PortFlag = keyof typeof PORT_FLAGS

export interface FlaggedPort {
  /** The flag as it was typed, for errors. */
  readonly flag: string
  /** What the flag says, unchecked; the configuration's schema judges it. */
  readonly port: Readonly<Record<string, unknown>>
}

/** Settings that are lists: their items are joined by "+". */
const LISTS = new Set(['trunk', 'withhold', 'macs', 'addresses', 'mirror', 'peers'])

/** Settings that are texts even when they look like numbers. */
const TEXTS = new Set(['socketMode', 'socketOwner', 'socketGroup'])

/** A setting's value: numbers and true/false become such, "10+20" a list where one is wanted. */
function readValue(key: string, text: string): unknown {
  if (TEXTS.has(key)) return text
  if (LISTS.has(key)) return text.split('+').map((item) => scalarOf(item))
  return scalarOf(text)
}

function scalarOf(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+$/.test(text) ? Number(text) : text
}

/** A setting, or one of a group: "vlan", "fromVm.averageKiB". */
const KEY = /^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)?$/

/**
 * Adds `key=value` settings to what a flag says. Throws USAGE.
 * @param read a value from its key and text
 */
function addSettings(
  port: Record<string, unknown>,
  settings: readonly string[],
  flag: string,
  form: string,
  read: (key: string, text: string) => unknown = readValue,
): void {
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const key = setting.slice(0, equals)
    if (equals < 0 || !KEY.test(key))
      throw new RingferryError('USAGE', `${flag}: "${setting}" is no key=value; write ${form}`)
    // A setting of a group has a dot: fromVm.averageKiB=1000.
    const [outer = '', inner] = key.split('.')
    if (inner !== undefined && !Object.hasOwn(port, outer)) port[outer] = {}
    const group = inner === undefined ? port : port[outer]
    const last = inner ?? outer
    if (typeof group !== 'object' || group === null || Object.hasOwn(group, last))
      throw new RingferryError('USAGE', `${flag}: ${key} is given already`)
    ;(group as Record<string, unknown>)[last] = read(last, setting.slice(equals + 1))
  }
}

/** Reads a port flag's value. Throws USAGE. @param option what stands before it, for errors */
export function parsePortFlag(kind: PortFlag, text: string, option = `--${kind}`): FlaggedPort {
  const flag = `${option} ${text}`
  const [first = '', ...settings] = text.split(',')
  const at = first.indexOf('=')
  const main = PORT_FLAGS[kind]
  const form = `NAME=${main.toUpperCase()}[,key=value...]`
  if (at < 1 || at === first.length - 1)
    throw new RingferryError('USAGE', `${flag}: write it as ${option} ${form}`)
  const port: Record<string, unknown> = { kind, name: first.slice(0, at), [main]: first.slice(at + 1) }
  addSettings(port, settings, flag, form)
  return { flag, port }
}

/** Reads `SOCKET[,key=value...]`, unchecked. Throws USAGE. */
export function parseSocketFlag(flag: string, text: string): Record<string, unknown> {
  const [socket = '', ...settings] = text.split(',')
  const result: Record<string, unknown> = { socket }
  addSettings(result, settings, `${flag} ${text}`, `${flag} SOCKET[,key=value...]`)
  return result
}

/** Reads `key=value` settings that change a port, unchecked; `key=` takes one out (null). Throws USAGE. */
export function parsePatch(settings: readonly string[], command: string): Record<string, unknown> {
  const patch: Record<string, unknown> = {}
  const read = (key: string, text: string): unknown => (text === '' ? null : readValue(key, text))
  addSettings(patch, settings, command, 'key=value, or key= to take a setting out', read)
  return patch
}
