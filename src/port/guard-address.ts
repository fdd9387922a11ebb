/** MAC and IP addresses as a user writes them, to bytes in network order. Mistakes are SettingErrors. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Prefix } from '../core/guard-lists.js'
import { SettingError, type SettingPlace } from '../errors/setting-error.js'

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/**
 * The six bytes of a station's MAC address, "02:00:00:00:00:01".
 * @param where the setting, for errors
 */
export function parseStationMac(text: string, where: SettingPlace): Uint8Array {
  if (!MAC.test(text))
    throw new SettingError(
      where,
      `is "${text}"; write a MAC address as six hexadecimal bytes, like 02:00:00:00:00:01`,
    )
  const bytes = Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
  if (((bytes[0] as number) & 1) !== 0 || bytes.every((byte) => byte === 0))
    throw new SettingError(where, `is "${text}", which no station can send from; give the address of one NIC`)
  return bytes
}

/** The 16 bytes of a valid IPv6 address without zone. */
export function ipv6Bytes(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  let plain = text
  if (dotted) {
    const [a, b, c, d] = dotted.slice(2).map(Number) as [number, number, number, number]
    plain = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [front = '', back] = plain.split('::')
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  const head = words(front)
  const tail = words(back ?? '')
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0)
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap((word) => [word >> 8, word & 0xff]))
}

/** The mask of a prefix of so many bits. */
export function maskOf(bytes: number, bits: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => 0xff00 >> Math.min(8, Math.max(0, bits - at * 8)))
}

/** One host's address, or a prefix like 10.0.0.0/24 or 2001:db8::/64. `where` as above. */
export function parsePrefix(text: string, where: SettingPlace): Prefix {
  const [host = '', length, ...more] = text.split('/')
  if (length === undefined) {
    const address = parseHostAddress(text, where)
    return { address, mask: new Uint8Array(address.length).fill(0xff) }
  }
  const isV4 = isIPv4(host)
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (more.length > 0 || (!isV4 && (!isIPv6(host) || host.includes('%'))) || !(bits <= (isV4 ? 32 : 128)))
    throw new SettingError(
      where,
      `is "${text}"; write an address or a prefix, like 10.0.0.0/24 or 2001:db8::/64`,
    )
  const address = isV4 ? Uint8Array.from(host.split('.'), Number) : ipv6Bytes(host)
  const mask = maskOf(address.length, bits)
  if (address.some((byte, at) => (byte & ~(mask[at] as number)) !== 0))
    throw new SettingError(
      where,
      `is "${text}", which has bits set beyond its length; write the first address of the prefix, or drop "/${length}"`,
    )
  return { address, mask }
}

/** The 4 or 16 bytes of one host's IPv4 or IPv6 address, without prefix length or zone. `where` as above. */
export function parseHostAddress(text: string, where: SettingPlace): Uint8Array {
  const isV4 = isIPv4(text)
  if (!isV4 && (!isIPv6(text) || text.includes('%')))
    throw new SettingError(
      where,
      `is "${text}"; write an IPv4 or IPv6 address, like 10.0.0.5 or fd00::5, or a prefix, like 10.0.0.0/24`,
    )
  const bytes = isV4 ? Uint8Array.from(text.split('.'), Number) : ipv6Bytes(text)
  const first = bytes[0] as number
  if (bytes.every((byte) => byte === 0) || (isV4 ? first >= 224 : first === 0xff))
    throw new SettingError(where, `is "${text}", which no host can send from; give the address of one host`)
  return bytes
}
