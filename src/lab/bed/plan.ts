/**
 * Who has which name, address and device on a bed. NIC k of every VM is in subnet k, so that traffic to an
 * address of NIC k leaves by NIC k:
 *
 *              NIC 0          NIC 1
 *     VM 0     10.118.0.1     10.118.1.1      02:72:66:00:00:00   02:72:66:00:00:01
 *     VM 1     10.118.0.2     10.118.1.2      02:72:66:00:01:00   ...
 *
 * Device names are the host's own: they carry the process and the bed, and fit the kernel's 15 bytes.
 */
import { RingferryError } from '../../errors/errors.js'
import type { BedSpec, VmSpec } from './bed.js'

export const PREFIX_BITS = 24
/** The second number of all addresses, unless the host has an address there already. */
const FIRST_OCTET = 118
const LAST_OCTET = 127

export interface NicPlan {
  /** Its port and its key in a sample: "a" for the first NIC, then "a.1". */
  readonly port: string
  readonly nic: number
  readonly mac: string
  /** Without prefix. */
  readonly address: string
  /** Device that the VM gets, or that leads to it. */
  readonly device: string
  /** The switch's end where a NIC is a pair of devices. */
  readonly outer: string
}

export interface VmPlan {
  readonly spec: VmSpec
  /** Unique on the host: the bed's tag is in it. */
  readonly guestName: string
  readonly nics: readonly NicPlan[]
}

/**
 * Six letters that tell beds of all processes apart.
 * @param bed number of the bed in its process, from 0
 */
export function bedTag(pid: number, bed: number): string {
  return `${pid.toString(36).padStart(5, '0')}${(bed % 36).toString(36)}`.slice(-6)
}

/** Name of a device of a bed: "rf", tag, kind (one letter), VM, NIC. At most 12 bytes. */
export function deviceName(tag: string, kind: 't' | 'v' | 'b', vm: number, nic: number): string {
  return `rf${tag}${kind}${vm.toString(36).padStart(2, '0')}${nic.toString(36)}`
}

/** Name of a port: the VM's, with the number of every NIC but the first. */
export function portName(vm: string, nic: number): string {
  return nic === 0 ? vm : `${vm}.${nic}`
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/**
 * Plans all VMs of a bed. Throws CONFIG when two have one name.
 * @param octet second number of the addresses, see freeOctet
 */
export function planVms(spec: BedSpec, tag: string, octet = FIRST_OCTET): VmPlan[] {
  const names = new Set<string>()
  return spec.vms.map((vm, index) => {
    if (names.has(vm.name))
      throw new RingferryError('CONFIG', `bed: two VMs have the name "${vm.name}"; give each its own`)
    names.add(vm.name)
    const nics = Array.from({ length: vm.nics }, (_, nic) => ({
      port: portName(vm.name, nic),
      nic,
      mac: `02:72:66:00:${hex(index)}:${hex(nic)}`,
      address: `10.${octet}.${nic}.${index + 1}`,
      device: deviceName(tag, 't', index, nic),
      outer: deviceName(tag, 'v', index, nic),
    }))
    return { spec: vm, guestName: `${vm.name}-${tag}`, nics }
  })
}

/**
 * A second number for the addresses under which this host has no address yet: a bed with a `host` VM must not
 * clash with the host's networks or with another bed. Throws BUSY when there is none.
 * @param used IPv4 addresses of the host
 */
export function freeOctet(used: readonly string[]): number {
  for (let octet = FIRST_OCTET; octet <= LAST_OCTET; octet++)
    if (!used.some((address) => address.startsWith(`10.${octet}.`))) return octet
  throw new RingferryError(
    'BUSY',
    `bed: this host has addresses in all of 10.${FIRST_OCTET}.0.0 to 10.${LAST_OCTET}.0.0; stop a bed`,
  )
}
