/**
 * The configuration: a YAML file, port flags of the command line, or both. Every mistake is one RingferryError
 * (CONFIG) with file, line and column, what is wrong and what is allowed.
 */
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import type { SwitchOptions } from '../engine/switch.js'
import { RingferryError } from '../errors/errors.js'
import { pathText, SettingError } from '../errors/setting-error.js'
import { didYouMean } from '../errors/suggestion.js'
import { claimed, wrongMirror } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { readSettings } from '../port/settings.js'
import { readVxlan } from '../port/vxlan-settings.js'
import type { SocketAccess } from '../sys/socket-access.js'
import { configSchema, engineSchema, NESTED_SCHEMAS, PORT_KINDS, PORT_SCHEMAS } from './schema.js'
import { parsePlaced } from './yaml-place.js'

/** The control socket: where, and who may use it. */
export interface ControlConfig extends SocketAccess {
  readonly socket: string
}

/** A configuration, checked: the engine, the control socket, the ports. */
export interface SwitchConfig {
  readonly engine: SwitchOptions
  readonly control?: ControlConfig
  readonly ports: readonly PortConfig[]
}

type Raw = z.infer<typeof configSchema>
type Path = readonly PropertyKey[]

const MB = 1024 * 1024

/** One mistake: where in the data, and the text. `key`: the path names a key, not a value. */
interface Mistake {
  readonly path: Path
  readonly text: string
  readonly key?: boolean
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    data,
  )
}

function show(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value))
}

/** The keys that the object at a path may have. */
function allowedKeys(data: unknown, path: Path): string[] {
  if (path.length === 0) return Object.keys(configSchema.shape)
  const group = NESTED_SCHEMAS[String(path.at(-1))]
  if (group) return Object.keys(group.shape)
  if (path[0] === 'engine') return Object.keys(engineSchema.shape)
  const kind = valueAt(data, [...path, 'kind']) as keyof typeof PORT_SCHEMAS
  return Object.keys(PORT_SCHEMAS[kind]?.shape ?? {})
}

/** What zod found, in the project's words. */
function mistakeOf(issue: z.core.$ZodIssue, data: unknown): Mistake {
  const { path } = issue
  const value = valueAt(data, path)
  const where = pathText(path)
  const name = where === '' ? 'the file' : where
  switch (issue.code) {
    case 'unrecognized_keys': {
      const key = issue.keys[0] as string
      const allowed = allowedKeys(data, path)
      const text = `unknown setting "${key}"${didYouMean(key, allowed)}; allowed here: ${allowed.join(', ')}`
      return { path: [...path, key], text, key: true }
    }
    case 'invalid_union':
      return value === undefined
        ? { path: path.slice(0, -1), text: `${name} is missing; allowed: ${PORT_KINDS.join(', ')}` }
        : { path, text: `${name} is ${show(value)}; allowed: ${PORT_KINDS.join(', ')}` }
    case 'invalid_value': {
      const options = issue.values.map(String).join(', ')
      if (value === undefined)
        return { path: path.slice(0, -1), text: `${name} is missing; allowed: ${options}` }
      return { path, text: `${name} is ${show(value)}; allowed: ${options}` }
    }
    case 'invalid_type':
      if (value === undefined) return { path: path.slice(0, -1), text: `${name} is missing` }
      return {
        path,
        text: `${name} is ${show(value)}; it must be ${article(issue.expected)}${issue.expected === 'string' && typeof value === 'number' ? ', in quotes' : ''}`,
      }
    case 'too_small':
      return { path, text: `${name} is ${show(value)}; ${bound(issue.origin, 'at least', issue.minimum)}` }
    case 'too_big':
      return { path, text: `${name} is ${show(value)}; ${bound(issue.origin, 'at most', issue.maximum)}` }
    case 'not_multiple_of':
      return { path, text: `${name} is ${show(value)}; it must be a multiple of ${issue.divisor}` }
    default:
      return { path, text: `${name} is ${show(value)}; ${issue.message}` }
  }
}

function bound(origin: string, word: string, limit: number | bigint): string {
  return origin === 'string' ? `it must have ${word} ${limit} characters` : `it must be ${word} ${limit}`
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of settings ("name: value")',
}

function article(type: string): string {
  return TYPES[type] ?? `of type ${type}`
}

/** Two ports that claim the same name, socket or device. */
function duplicates(ports: readonly PortConfig[] = []): Mistake | undefined {
  const clash = claimed(ports)
  if (!clash) return undefined
  const path = ['ports', clash.index, clash.setting]
  const value = show(valueAt({ ports }, path))
  return { path, text: `${clash.setting} ${value} is taken by port ${clash.by.name}; choose another` }
}

/** A mirror port of what it cannot copy. */
function mirrors(ports: readonly PortConfig[] = []): Mistake | undefined {
  const wrong = wrongMirror(ports)
  if (!wrong) return undefined
  const path = ['ports', wrong.index, 'mirror', wrong.entry]
  return { path, text: `${pathText(path)} ${wrong.problem}` }
}

/** What the schema cannot say of a port: addresses that are none, settings that exclude each other. */
function unreadable(ports: readonly PortConfig[] = []): Mistake | undefined {
  for (const [index, port] of ports.entries()) {
    try {
      readSettings(port)
      if (port.kind === 'vxlan') readVxlan(port)
    } catch (error) {
      if (!(error instanceof SettingError)) throw error
      const path = ['ports', index, ...error.path]
      return { path, text: `${pathText(path)} ${error.problem}` }
    }
    const access = (['socketMode', 'socketOwner', 'socketGroup'] as const).find((key) => key in port)
    if (access !== undefined && 'mode' in port && port.mode === 'client')
      return {
        path: ['ports', index, access],
        text: `${access} is for sockets that Ringferry makes, not for mode client`,
      }
  }
  return undefined
}

/** Checks data against the schema. Returns the configuration or the first mistake and the number of all. */
function validate(
  data: unknown,
): { readonly raw: Raw } | { readonly mistake: Mistake; readonly more: number } {
  const result = configSchema.safeParse(data ?? {})
  if (!result.success) {
    const [first, ...rest] = result.error.issues
    return { mistake: mistakeOf(first as z.core.$ZodIssue, data), more: rest.length }
  }
  const mistake = duplicates(result.data.ports) ?? unreadable(result.data.ports)
  return mistake ? { mistake, more: 0 } : { raw: result.data }
}

function build(raw: Raw): SwitchConfig {
  const { memoryMb, ...engine } = raw.engine ?? {}
  return {
    engine: { ...engine, ...(memoryMb === undefined ? {} : { memoryBytes: memoryMb * MB }) },
    ...(raw.control === undefined ? {} : { control: raw.control }),
    ports: raw.ports ?? [],
  }
}

/**
 * Reads a configuration from YAML text. Throws CONFIG.
 * @param name how errors call the text: the file's path
 */
export function parseConfig(text: string, name: string): SwitchConfig {
  const { data, at } = parsePlaced(text, name)
  const checked = validate(data)
  const wrong = 'raw' in checked ? mirrors(checked.raw.ports) : undefined
  if (wrong) throw new RingferryError('CONFIG', `${at(wrong.path)}: ${wrong.text}`)
  if ('raw' in checked) return build(checked.raw)
  const more = checked.more > 0 ? ` (and ${checked.more} more)` : ''
  throw new RingferryError(
    'CONFIG',
    `${at(checked.mistake.path, checked.mistake.key)}: ${checked.mistake.text}${more}`,
  )
}

/** Reads a configuration file. Throws CONFIG, NOT_FOUND, PERMISSION. */
export function loadConfig(path: string): SwitchConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new RingferryError('NOT_FOUND', `${path}: there is no such configuration file`, { cause })
    throw new RingferryError('PERMISSION', `${path}: cannot be read (${code}); make it readable`, { cause })
  }
  return parseConfig(text, path)
}

/**
 * Joins a configuration with ports from flags. Throws USAGE when a flag is wrong or claims what is taken.
 * @param flags the ports with the flag each came from, for example `--vif g1=/run/g1.sock`
 */
export function addPorts(
  config: SwitchConfig,
  flags: readonly { readonly flag: string; readonly port: Readonly<Record<string, unknown>> }[],
): SwitchConfig {
  let result = config
  for (const { flag, port } of flags) {
    const alone = validate({ ports: [port] })
    if ('mistake' in alone)
      throw new RingferryError('USAGE', `${flag}: ${alone.mistake.text.replace('ports[0].', '')}`)
    const ports = [...result.ports, ...build(alone.raw).ports]
    const clash = duplicates(ports)
    if (clash) throw new RingferryError('USAGE', `${flag}: ${clash.text}`)
    result = { ...result, ports }
  }
  const wrong = flags.length > 0 ? mirrors(result.ports) : undefined
  if (wrong) throw new RingferryError('USAGE', wrong.text)
  return result
}

/** Reads `--control SOCKET[,key=value...]`. Throws USAGE. */
export function parseControl(flag: string, settings: Readonly<Record<string, unknown>>): ControlConfig {
  const checked = validate({ control: settings })
  if ('raw' in checked && checked.raw.control) return checked.raw.control
  const text = 'mistake' in checked ? checked.mistake.text.replace('control.', '') : 'socket is missing'
  throw new RingferryError('USAGE', `${flag}: ${text}`)
}
