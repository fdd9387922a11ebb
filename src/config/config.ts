/**
 * The configuration: a YAML file, port flags of the command line, or both. Every mistake is one RingferryError
 * (CONFIG) with file, line and column, what is wrong and what is allowed.
 */
import type { z } from 'zod'
import type { SwitchOptions } from '../engine/switch-types.js'
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'
import type { SocketAccess } from '../sys/socket-access.js'
import { duplicates, findMistakes, mirrors } from './mistakes.js'
import type { configSchema, portSchema } from './schema.js'
import { readTextFile } from './text-file.js'
import { type PlacedMistake, placeText, readPlaced } from './yaml-place.js'

/** The control socket: where, and who may use it. */
export interface ControlConfig extends SocketAccess {
  /** Default: where the user's commands look for it. */
  readonly socket?: string
  /** TCP as well, on this machine alone: "127.0.0.1:8090". */
  readonly listen?: string
  /** File with the token that TCP clients show. Default: one is made beside the socket. */
  readonly tokenFile?: string
}

/** A configuration, checked: the engine, the control socket, the ports. */
export interface SwitchConfig {
  readonly engine: SwitchOptions
  readonly control?: ControlConfig
  readonly ports: readonly PortConfig[]
}

type Raw = z.infer<typeof configSchema>

const MB = 1024 * 1024
const EMPTY = 'the file is empty; write "ports: []" for a switch without ports'

function build(raw: Raw): SwitchConfig {
  const { memoryMb, ...engine } = raw.engine ?? {}
  return {
    engine: { ...engine, ...(memoryMb === undefined ? {} : { memoryBytes: memoryMb * MB }) },
    ...(raw.control === undefined ? {} : { control: raw.control }),
    ports: raw.ports ?? [],
  }
}

/** Text that was found right, or everything that is wrong with it, in the order of the text. */
export type CheckedText =
  | { readonly config: SwitchConfig; readonly mistakes: readonly [] }
  | { readonly config?: undefined; readonly mistakes: readonly PlacedMistake[] }

/** Checks YAML text, to the end. */
export function checkText(text: string): CheckedText {
  const { data, placeOf, mistakes } = readPlaced(text)
  if (mistakes.length > 0) return { mistakes }
  // An editor that failed leaves such a file: taken for a switch without ports it would cut off every guest.
  if (data === null) return { mistakes: [{ ...placeOf([]), message: EMPTY }] }
  const checked = findMistakes(data, true)
  if ('raw' in checked) return { config: build(checked.raw), mistakes: [] }
  const placed = checked.mistakes.map(({ path, key, text: message }) => ({ ...placeOf(path, key), message }))
  return { mistakes: placed.sort((a, b) => a.line - b.line || a.column - b.column) }
}

/** A configuration that is not valid: one line with the first mistake; all of them are kept. */
export class ConfigError extends RingferryError {
  readonly mistakes: readonly PlacedMistake[]

  /** @param name how errors call the text: the file's path */
  constructor(name: string, mistakes: readonly PlacedMistake[]) {
    const [first, ...others] = mistakes as [PlacedMistake, ...PlacedMistake[]]
    const more = others.length > 0 ? ` (and ${others.length} more; ringferry config check shows all)` : ''
    super('CONFIG', `${placeText(name, first)}: ${first.message}${more}`)
    this.mistakes = mistakes
  }
}

/**
 * Reads a configuration from YAML text. Throws a ConfigError.
 * @param name how errors call the text: the file's path
 */
export function parseConfig(text: string, name: string): SwitchConfig {
  const { config, mistakes } = checkText(text)
  if (config) return config
  throw new ConfigError(name, mistakes)
}

/** The text of a configuration file. Throws NOT_FOUND, PERMISSION, USAGE, CONFIG. */
export function readConfigText(path: string): string {
  return readTextFile(path, 'configuration file')
}

/** Reads a configuration file. Throws CONFIG, NOT_FOUND, PERMISSION. */
export function loadConfig(path: string): SwitchConfig {
  return parseConfig(readConfigText(path), path)
}

/** The data that a configuration file has for a configuration: the other way round of reading it. */
export function configData({ engine, control, ports }: SwitchConfig): z.infer<typeof configSchema> {
  const { memoryBytes, ...rest } = engine
  const settings = { ...(memoryBytes === undefined ? {} : { memoryMb: memoryBytes / MB }), ...rest }
  return {
    ...(Object.keys(settings).length === 0 ? {} : { engine: settings }),
    ...(control === undefined ? {} : { control }),
    ports: ports.filter((port) => port.kind !== 'embedded') as z.infer<typeof portSchema>[],
  }
}

/** The port that settings make. Throws CONFIG. @param whose how errors call it */
export function parsePort(settings: unknown, whose: string): PortConfig {
  const checked = findMistakes({ ports: [settings] })
  if ('raw' in checked) return build(checked.raw).ports[0] as PortConfig
  const texts = checked.mistakes.map(({ text }) => text.replaceAll('ports[0].', ''))
  throw new RingferryError('CONFIG', `${whose}: ${texts.join('; ')}`)
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
    const alone = findMistakes({ ports: [port] })
    if ('mistakes' in alone)
      throw new RingferryError('USAGE', `${flag}: ${alone.mistakes[0]?.text.replace('ports[0].', '')}`)
    const ports = [...result.ports, ...build(alone.raw).ports]
    const [clash] = duplicates(ports.map((each, index) => ({ index, port: each })))
    if (clash) throw new RingferryError('USAGE', `${flag}: ${clash.text}`)
    result = { ...result, ports }
  }
  const [wrong] = flags.length > 0 ? mirrors(result.ports) : []
  if (wrong) throw new RingferryError('USAGE', wrong.text)
  return result
}

/** Reads `--control SOCKET[,key=value...]`. Throws USAGE. */
export function parseControl(flag: string, settings: Readonly<Record<string, unknown>>): ControlConfig {
  const checked = findMistakes({ control: settings })
  if ('raw' in checked && checked.raw.control) return checked.raw.control
  const [mistake] = 'mistakes' in checked ? checked.mistakes : []
  throw new RingferryError(
    'USAGE',
    `${flag}: ${mistake?.text.replace('control.', '') ?? 'socket is missing'}`,
  )
}
