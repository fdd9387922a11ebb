import { isIP } from 'node:net'
import { SettingError, type SettingPlace, within } from '../errors/setting-error.js'
import type { VxlanConfig } from './config.js'
import { parseHostAddress } from './guard-address.js'

/** Source: RFC 7348, 8.1 (IANA). */
export const VXLAN_UDP_PORT = 4789
export const MAX_VNI = 0xff_ffff
export const MAX_STATIC_PEERS = 64
export const MAX_SOURCE_PORTS = 16
/** One flow keeps one source port; networks between spread flows over their links by it. */
const DEFAULT_SOURCE_PORTS = 4

/** What a vxlan port's own settings say. Addresses are 4 or 16 bytes in network order, all of them alike. */
export interface VxlanSettings {
  readonly local: Uint8Array
  readonly udpPort: number
  readonly peers: readonly Uint8Array[]
  readonly learnPeers: boolean
  readonly anyPeer: boolean
  readonly sourcePorts: number
}

function addressOf(text: string, place: SettingPlace): Uint8Array {
  if (isIP(text) === 0 || text.includes('%'))
    throw new SettingError(place, `is "${text}"; write an IPv4 or IPv6 address, like 10.0.0.5 or fd00::5`)
  return parseHostAddress(text, place)
}

/** Reads the settings that only vxlan ports have. Throws a SettingError for the first that is wrong. */
export function readVxlan(config: VxlanConfig): VxlanSettings {
  const port = { owner: `port ${config.name}`, path: [] }
  const local = addressOf(config.local, within(port, 'local'))
  const isLinkLocal = local.length === 16 && local[0] === 0xfe && ((local[1] as number) & 0xc0) === 0x80
  if (isLinkLocal)
    throw new SettingError(
      within(port, 'local'),
      `is "${config.local}", which is good on one link only; give a routed address`,
    )
  const seen = new Set<string>()
  const peers = (config.peers ?? []).map((text, index) => {
    const place = within(port, 'peers', index)
    const address = addressOf(text, place)
    if (address.length !== local.length)
      throw new SettingError(
        place,
        `is "${text}", and local is "${config.local}"; give both in IPv4 or both in IPv6`,
      )
    const key = address.join('.')
    if (key === local.join('.'))
      throw new SettingError(place, `is "${text}", the port's own address; take it out`)
    if (seen.has(key)) throw new SettingError(place, `is "${text}", which stands there already; take one out`)
    seen.add(key)
    return address
  })
  const anyPeer = config.anyPeer ?? false
  if (peers.length === 0 && !anyPeer)
    throw new SettingError(
      within(port, 'peers'),
      'are missing; give the addresses of the other hosts, or anyPeer: true to answer whoever sends',
    )
  return {
    local,
    peers,
    anyPeer,
    udpPort: config.udpPort ?? VXLAN_UDP_PORT,
    learnPeers: config.learnPeers ?? true,
    sourcePorts: config.sourcePorts ?? DEFAULT_SOURCE_PORTS,
  }
}
