/** Which beds cannot be: said before anything is made. */
import { RingferryError } from '../../errors/errors.js'
import type { BedSpec, SwitchKind, VmKind } from './bed.js'
import { xenRefusal } from './xen-plan.js'

/** The kinds of VMs that a switch can carry. */
export const CARRIES: Readonly<Record<SwitchKind, readonly VmKind[]>> = {
  ringferry: ['uml', 'qemu', 'netns', 'host', 'embedded', 'xen'],
  bridge: ['uml', 'qemu', 'netns', 'host', 'xen'],
  vde: ['uml', 'qemu', 'netns', 'host'],
  ovs: ['uml', 'qemu', 'netns', 'host'],
  testpmd: ['uml'],
  none: ['netns', 'host'],
}

/** Kinds of VMs that can be bound to a processor: the work of others is done by the host's kernel, where it likes. */
const BOUND: readonly VmKind[] = ['embedded', 'uml', 'qemu']

const WHY: Readonly<Record<SwitchKind, string>> = {
  ringferry: '',
  bridge: 'an embedded guest needs a vhost-user port',
  vde: 'an embedded guest needs a vhost-user port',
  ovs: 'an embedded guest needs a vhost-user port',
  testpmd: 'its vhost ports were proven with User-Mode Linux only',
  none: 'there is no switch, only a pair of veth devices',
}

const XEN_WHY = "a guest of Xen needs the kernel's netback, by the switch bridge, or Ringferry"

/** Why a bed cannot be, in one line; undefined when it can. */
export function refusalOf(spec: BedSpec): string | undefined {
  const { kind } = spec.switch
  const wrong = spec.vms.find((vm) => !CARRIES[kind].includes(vm.kind))
  if (wrong)
    return `VM ${wrong.name}: the switch ${kind} cannot carry a VM of kind ${wrong.kind} (${wrong.kind === 'xen' ? XEN_WHY : WHY[kind]})`
  const ofXen = xenRefusal(spec)
  if (ofXen !== undefined) return ofXen
  if (spec.vms.filter((vm) => vm.kind === 'host').length > 1)
    return 'two VMs of kind host would be one and the same: use a netns VM for one of them'
  if (spec.switch.awake !== undefined && kind !== 'ringferry')
    return `switch.awake needs the switch ringferry, not ${kind}; awake beside switch keeps the processors awake for any`
  if (spec.switch.awake && spec.awake)
    return 'awake and switch.awake both keep the processors awake: one would hide the other; leave one out'
  if (spec.switch.cpu !== undefined && kind !== 'ringferry')
    return `switch.cpu needs the switch ringferry, not ${kind}`
  for (const vm of spec.vms) {
    if (vm.cpu !== undefined && !BOUND.includes(vm.kind))
      return `VM ${vm.name}: only a VM of kind ${BOUND.join(', ')} is bound to a processor, not ${vm.kind}`
    if (vm.model === 'e1000' && vm.kind !== 'qemu')
      return `VM ${vm.name}: only a qemu VM has an e1000 NIC, not ${vm.kind}`
    if (vm.limitMbps !== undefined && kind !== 'ringferry')
      return `VM ${vm.name}: limitMbps needs the switch ringferry, not ${kind}`
    if (vm.thinAcks !== undefined && kind !== 'ringferry')
      return `VM ${vm.name}: thinAcks needs the switch ringferry, not ${kind}`
  }
  if (kind === 'testpmd' && (spec.vms.length !== 2 || spec.vms.some((vm) => vm.nics !== 1)))
    return 'the switch testpmd forwards between two ports: it needs two VMs of one NIC each'
  if (kind === 'none' && (spec.vms.length !== 2 || spec.vms[0]?.nics !== spec.vms[1]?.nics))
    return 'the switch none is a pair of devices: it needs two VMs with as many NICs'
  return undefined
}

/** Throws UNSUPPORTED when a bed cannot be, with one line why. */
export function checkPossible(spec: BedSpec): void {
  const reason = refusalOf(spec)
  if (reason !== undefined) throw new RingferryError('UNSUPPORTED', `bed: ${reason}`)
}
