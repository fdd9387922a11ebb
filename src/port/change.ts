/** Changes of the ports of a running switch, and which settings of an open port may change. */
import { isDeepStrictEqual } from 'node:util'
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from './config.js'
import { VXLAN_UDP_PORT } from './vxlan-settings.js'

/** One change of a list that is carried out whole, between two bursts, or refused whole. */
export type PortChange =
  | { readonly change: 'add'; readonly config: PortConfig }
  | { readonly change: 'remove'; readonly name: string }
  /**
   * The open port of this name gets these settings, its peer stays. All of them are given: what is left out gets its
   * default.
   */
  | { readonly change: 'set'; readonly config: PortConfig }

/** The name of a setting of any kind of port. */
export type PortSetting = PortConfig extends infer Config
  ? Config extends Config
    ? keyof Config
    : never
  : never

/** Settings that an open port cannot change: another peer, device or way to it is another port. */
const FIXED = [
  ...(['kind', 'name', 'socket', 'mode', 'socketMode', 'socketOwner', 'socketGroup'] as const),
  ...(['device', 'queues', 'offloads', 'fd', 'peer'] as const),
  ...(['local', 'vni', 'udpPort', 'ttl', 'sourcePorts'] as const),
  ...(['guest', 'handle', 'guestMac', 'ownMac'] as const),
] satisfies readonly PortSetting[]

/** Settings that a guest is told when it attaches: they change while none is attached. */
const TOLD = ['mac', 'control', 'withhold', 'mtu'] as const satisfies readonly PortSetting[]

/** Settings that say from which MACs and in which VLANs a port is heard. */
const ADDRESS_RULES = [
  'macs',
  'vlan',
  'trunk',
  'nativeVlan',
  'mirror',
] as const satisfies readonly PortSetting[]

/** A setting that a guest knows. */
export type ToldSetting = (typeof TOLD)[number]

const isFixed = (setting: PortSetting): boolean => FIXED.some((fixed) => fixed === setting)
const isTold = (setting: PortSetting): setting is ToldSetting => TOLD.some((told) => told === setting)

/** Whether a setting of an open port may change whoever is attached. @param kind the port's */
export function changesInPlace(kind: PortConfig['kind'], setting: PortSetting): boolean {
  const hasGuest = kind === 'vif' || kind === 'embedded'
  return !isFixed(setting) && !(hasGuest && isTold(setting))
}

/** Whether a change of settings may mean that addresses which were learned from the port could not be any more. */
export function affectsAddresses(settings: readonly PortSetting[]): boolean {
  return settings.some((setting) => ADDRESS_RULES.some((rule) => rule === setting))
}

/** The settings in which two configurations differ. */
export function differences(before: PortConfig, after: PortConfig): PortSetting[] {
  const [a, b] = [before, after].map((config) => new Map<string, unknown>(Object.entries(config)))
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key): key is PortSetting => !isDeepStrictEqual(a?.get(key), b?.get(key)),
  )
}

/**
 * Checks the settings in which an open port is to change. Throws USAGE when it cannot.
 * @param knows whether a guest is attached that was told the setting
 */
export function checkChange<Config extends PortConfig>(
  before: Config,
  after: PortConfig,
  knows: (setting: ToldSetting) => boolean = () => false,
): { readonly settings: readonly PortSetting[]; readonly next: Config } {
  const changed = differences(before, after)
  for (const setting of changed) {
    if (isFixed(setting))
      throw new RingferryError(
        'USAGE',
        `port ${before.name}: ${setting} cannot change in an open port; remove the port and add it`,
      )
    if (isTold(setting) && knows(setting))
      throw new RingferryError(
        'USAGE',
        `port ${before.name}: its guest was told ${setting} and keeps it; detach the guest, or remove the port and add it`,
      )
  }
  // Of the same kind: that is fixed.
  return { settings: changed, next: after as Config }
}

/** Settings by which a port claims what no other can have; a vxlan port claims its VNI at an address and UDP port. */
const CLAIMS = ['name', 'socket', 'device', 'vni'] as const

function claimOf(port: PortConfig, setting: Claim['setting']): unknown {
  if (setting === 'vni' && port.kind === 'vxlan')
    return `${port.local} ${port.udpPort ?? VXLAN_UDP_PORT} ${port.vni}`
  return new Map<string, unknown>(Object.entries(port)).get(setting)
}

/** What two ports cannot have both: a setting in which a port claims what one before it has. */
export interface Claim {
  readonly index: number
  readonly setting: (typeof CLAIMS)[number]
  readonly by: PortConfig
}

/** All claims of ports to what one before them has. */
export function claims(ports: readonly PortConfig[]): Claim[] {
  const found: Claim[] = []
  for (const setting of CLAIMS) {
    const seen = new Map<unknown, PortConfig>()
    for (const [index, port] of ports.entries()) {
      const value = claimOf(port, setting)
      if (value === undefined) continue
      const by = seen.get(value)
      if (by) found.push({ index, setting, by })
      else seen.set(value, port)
    }
  }
  return found
}

/** The first claim, or undefined. */
export function claimed(ports: readonly PortConfig[]): Claim | undefined {
  return claims(ports)[0]
}

/** A port that a mirror port is to copy and cannot: where in the list, and why. */
export interface WrongMirror {
  /** Places in the list of ports and in its setting `mirror`. */
  readonly index: number
  readonly entry: number
  /** To follow the setting's name. */
  readonly problem: string
}

/**
 * The first port that a mirror port is to copy and cannot: it is not there, or a mirror port itself.
 * @param isChecked whether what a mirror port copies matters: it may have gone since
 */
export function wrongMirror(
  ports: readonly PortConfig[],
  isChecked: (name: string) => boolean = () => true,
): WrongMirror | undefined {
  for (const [index, port] of ports.entries())
    for (const [entry, name] of (isChecked(port.name) ? (port.mirror ?? []) : []).entries()) {
      const source = ports.find((each) => each.name === name)
      if (!source) return { index, entry, problem: `is "${name}"; there is no such port` }
      if (source.mirror !== undefined)
        return { index, entry, problem: `is "${name}", a mirror port; give ports that carry traffic` }
    }
  return undefined
}

/** A port that is ready for other settings; nothing has changed yet. */
export interface PreparedChange {
  /** Settings that change. */
  readonly settings: readonly PortSetting[]
  /** Makes the change; it cannot fail. */
  commit(): void
  /** Gives back what was taken for it. */
  cancel(): void
}
