import { createHash } from 'node:crypto'
import { RingferryError } from '../../errors/errors.js'
import type { GuestSpec, NicSpec } from './spec.js'

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/
const ADDRESS6 = /^[0-9a-f:.]+\/\d{1,3}$/i
const IFNAME = /^[^\s/,:'"]{1,15}$/
/** Characters that part the options of linux.uml or QEMU. */
const SEPARATORS = /[,\s'"]/

/** The MAC address of a guest's NIC: the given one, else a local one made of the guest's name and the number. */
export function macOf(spec: GuestSpec, index: number): string {
  const given = spec.nics?.[index]?.mac
  if (given) return given.toLowerCase()
  const hash = createHash('sha256').update(`${spec.name}/${index}`).digest()
  return `52:54:00:${[...hash.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
}

/** Throws CONFIG when a guest's description cannot be used; names the part. */
export function checkGuestSpec(spec: GuestSpec): void {
  const refuse = (what: string): never => {
    throw new RingferryError('CONFIG', `guest ${spec.name}: ${what}`)
  }
  if (!NAME.test(spec.name)) refuse('the name must be 1 to 31 letters, digits, "-" or "_"')
  const memoryMb = spec.memoryMb ?? 256
  if (!Number.isInteger(memoryMb) || memoryMb < 64)
    refuse(`memory ${memoryMb} MB is below 64 MB or no number`)
  for (const [index, nic] of (spec.nics ?? []).entries())
    checkNic(nic, (what) => refuse(`NIC ${index}: ${what}`))
}

function checkNic(nic: NicSpec, refuse: (what: string) => never): void {
  const { transport, mac, address, address6, mtu } = nic
  if (mac !== undefined && (!MAC.test(mac) || Number.parseInt(mac.slice(0, 2), 16) % 2 === 1))
    refuse(`"${mac}" is no unicast MAC address like 52:54:00:00:00:01`)
  if (address !== undefined && !ADDRESS.test(address)) refuse(`"${address}" is no address like 10.0.0.1/24`)
  if (address6 !== undefined && !ADDRESS6.test(address6))
    refuse(`"${address6}" is no address like fd00::1/64`)
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65535))
    refuse(`an MTU of ${mtu} bytes is outside 68 to 65535`)
  const place = 'path' in transport ? transport.path : 'dir' in transport ? transport.dir : transport.ifname
  if ('ifname' in transport ? !IFNAME.test(place) : SEPARATORS.test(place) || place === '')
    refuse(`"${place}" cannot be used: it is empty, too long or has a comma, quote or blank`)
}

/**
 * The shell commands that configure a NIC inside its guest.
 * @param ifname the NIC's name inside
 */
export function configureCommands(ifname: string, nic: NicSpec, mac: string): string[] {
  const commands = [
    `[ "$(cat /sys/class/net/${ifname}/address)" = ${mac} ] || ip link set dev ${ifname} address ${mac}`,
  ]
  if (nic.mtu !== undefined) commands.push(`ip link set dev ${ifname} mtu ${nic.mtu}`)
  if (nic.offloads === false)
    commands.push(`ethtool -K ${ifname} tx off rx off sg off tso off gso off gro off`)
  commands.push(`ip link set dev ${ifname} up`)
  if (nic.address) commands.push(`ip addr add ${nic.address} dev ${ifname}`)
  if (nic.address6) commands.push(ipv6Command(ifname, nic.address6))
  return commands
}

/**
 * Usable at once, without the wait for a duplicate: by the kernel's switch, and by ip's word where /proc/sys
 * cannot be written (busybox's ip does not know the word).
 */
function ipv6Command(ifname: string, address6: string): string {
  const add = `ip -6 addr add ${address6} dev ${ifname}`
  return `{ echo 0 >/proc/sys/net/ipv6/conf/${ifname}/accept_dad; ${add} nodad || ${add}; } 2>/dev/null`
}
