/**
 * Who has which NIC on a bed of Xen. Each guest has two vifs and the driver domain an end behind either, whatever the
 * switch of the spec, which says what is loaded: so cells of both kinds take turns on one machine.
 *
 *               vif 0: netback, bridge br0       vif 1: Ringferry, TAP rf0
 *     host      10.8.0.1                         10.9.0.1
 *     guest 0   10.8.0.2   00:16:3e:00:00:01     10.9.0.2   00:16:3e:00:01:01
 *     guest 1   10.8.0.3   00:16:3e:00:00:02     10.9.0.3   00:16:3e:00:01:02
 */
import type { BedSpec, SwitchKind, VmSpec } from './bed.js'

/** Kinds of switches that carry guests of Xen, by the place of their vif in a guest's configuration. */
export const XEN_SWITCHES = ['bridge', 'ringferry'] as const
export type XenSwitch = (typeof XEN_SWITCHES)[number]

/** The emulated machine has a channel for the console of each. */
const MAX_GUESTS = 2
const FIRST_NETWORK = 8
const PREFIX_BITS = 24

/** A NIC as its domain has it. */
export interface XenNic {
  /** Name of the device inside. */
  readonly device: string
  readonly mac: string
  /** Without prefix. */
  readonly address: string
}

/** Whether a bed is of Xen: all of it is inside an emulated machine then. */
export function isXenBed({ vms }: Pick<BedSpec, 'vms'>): boolean {
  return vms.some(({ kind }) => kind === 'xen')
}

/** Whether the machine of a bed counts its own time, by instructions. */
export function countsOwnTime({ xen }: Pick<BedSpec, 'xen'>): boolean {
  return xen?.icountShift !== undefined
}

/** The driver domain's own device behind a switch. */
export const HOST_DEVICE: Readonly<Record<XenSwitch, string>> = { bridge: 'br0', ringferry: 'rf0' }

const networkOf = (kind: XenSwitch): string => `10.${FIRST_NETWORK + XEN_SWITCHES.indexOf(kind)}.0`

/** @param place of a guest among those of the bed, from 0 */
export function guestMac(place: number, kind: XenSwitch): string {
  return `00:16:3e:00:0${XEN_SWITCHES.indexOf(kind)}:0${place + 1}`
}

export function guestAddress(place: number, kind: XenSwitch): string {
  return `${networkOf(kind)}.${place + 2}`
}

export function hostAddress(kind: XenSwitch): string {
  return `${networkOf(kind)}.1`
}

/** The command by which a device of a domain gets an address. */
export function configureDevice(device: string, address: string): string {
  return `ip link set ${device} up && ip addr add ${address}/${PREFIX_BITS} dev ${device}`
}

/** The command that waits for a guest's NIC by its address, configures it and prints its name. */
export function configureGuest(place: number, kind: XenSwitch): string {
  return `until path=$(grep -l ${guestMac(place, kind)} /sys/class/net/*/address); do sleep 0.2; done
device=$(echo $path | cut -d/ -f5)
${configureDevice('$device', guestAddress(place, kind))} && echo $device`
}

/** Lines of `vif = [...]` of a guest. */
export function vifsOf(place: number): string[] {
  return XEN_SWITCHES.map((kind) => `mac=${guestMac(place, kind)},script=vif-ringferry`)
}

/** Ringferry's configuration in the driver domain: a port for each guest, named as it is, and the TAP. */
export function ringferryConfig(guests: readonly string[]): string {
  const handle = XEN_SWITCHES.indexOf('ringferry')
  const ports = guests.map((name) => `  - {kind: xen, name: ${name}, guest: ${name}, handle: ${handle}}`)
  return ['ports:', ...ports, `  - {kind: tap, name: tap, device: ${HOST_DEVICE.ringferry}}`, ''].join('\n')
}

/** Loads netback, which takes the vifs that it is given, not all that there are; makes its bridge. */
export const LOAD_NETBACK = `echo 0 >/sys/bus/xen-backend/drivers_autoprobe
modprobe -a xen-netback pktgen
ip link add ${HOST_DEVICE.bridge} type bridge && ${configureDevice(HOST_DEVICE.bridge, hostAddress('bridge'))}
`

/** Until it is stopped: gives the first vif of each guest to netback when the toolstack has made it, and its device to the bridge. */
export const BIND_NETBACK = `while :; do
  for path in /sys/bus/xen-backend/devices/vif-*-${XEN_SWITCHES.indexOf('bridge')}; do
    [ -e "$path" ] && [ ! -e "$path/driver" ] && echo "\${path##*/}" >/sys/bus/xen-backend/drivers/vif/bind
  done
  for path in /sys/class/net/vif*; do
    [ -e "$path" ] && [ ! -e "$path/master" ] && ip link set "\${path##*/}" master ${HOST_DEVICE.bridge} up
  done
  sleep 1
done 2>/dev/null`

/** What a VM of kind xen cannot have, with how it is named. */
const NOT_OF_GUESTS: readonly (readonly [string, (vm: VmSpec) => boolean])[] = [
  ['more than one NIC', ({ nics }) => nics > 1],
  ['memoryMb', ({ memoryMb }) => memoryMb !== undefined],
  ['targetUs', ({ targetUs }) => targetUs !== undefined],
  ['weight', ({ weight }) => weight !== undefined],
  ['limitMbps', ({ limitMbps }) => limitMbps !== undefined],
  ['thinAcks', ({ thinAcks }) => thinAcks !== undefined],
]

/** What a bed of Xen cannot have. */
const NOT_OF_BEDS: readonly (readonly [string, (bed: BedSpec) => boolean])[] = [
  ['awake', ({ awake }) => awake],
  ['switch.awake', (bed) => bed.switch.awake !== undefined],
  ['switch.cpu', (bed) => bed.switch.cpu !== undefined],
  ['switch.isolation: false', (bed) => !bed.switch.isolation],
]

/** Why a bed of Xen cannot be, in one line, or a bed of another kind with settings of Xen's; undefined when it can. */
export function xenRefusal(bed: BedSpec): string | undefined {
  if (!isXenBed(bed)) {
    const wrong = bed.vms.find(({ virtualization }) => virtualization !== undefined)
    if (wrong) return `VM ${wrong.name}: virtualization is for a VM of kind xen, not ${wrong.kind}`
    return bed.xen === undefined ? undefined : 'xen is the machine of VMs of kind xen, and there is none'
  }
  const stranger = bed.vms.find(({ kind }) => kind !== 'xen' && kind !== 'host')
  if (stranger)
    return `VM ${stranger.name}: beside a VM of kind xen there are only others and the driver domain (host), not ${stranger.kind}`
  if (bed.vms.filter(({ kind }) => kind === 'xen').length > MAX_GUESTS)
    return `the emulated machine has room for ${MAX_GUESTS} VMs of kind xen`
  if (bed.xen?.icountShift !== undefined && bed.xen.cpus > 1)
    return 'xen.icountShift needs a machine of one processor: set xen.cpus to 1'
  for (const vm of bed.vms) {
    const setting = NOT_OF_GUESTS.find(([, has]) => has(vm))?.[0]
    if (setting !== undefined) return `VM ${vm.name}: ${setting} cannot be had on a bed of Xen`
  }
  const setting = NOT_OF_BEDS.find(([, has]) => has(bed))?.[0]
  return setting === undefined ? undefined : `${setting} cannot be had on a bed of Xen`
}

/** The switch of a bed of Xen; xenRefusal and the kinds that a switch carries let no other pass. */
export function xenSwitch(kind: SwitchKind): XenSwitch {
  return kind === 'ringferry' ? 'ringferry' : 'bridge'
}
