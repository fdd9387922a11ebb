/** Switches in the host's kernel: a Linux bridge, and a plain pair of devices between two VMs. */
import type { PortCount } from './bed.js'
import type { Fabric, FabricContext, NicLink } from './fabric.js'
import { addBridge, addPair, addTap, ip } from './ip.js'
import { deviceName, type NicPlan, type VmPlan } from './plan.js'
import { deviceCount } from './port-count.js'

/** The device of a VM that stays on the switch's side: the TAP itself, or the outer end of a pair. */
export function switchSide({ spec }: VmPlan, nic: NicPlan): string {
  return spec.kind === 'netns' || spec.kind === 'host' ? nic.outer : nic.device
}

/** Makes the devices of a NIC: a pair for what runs on the host's kernel, else a TAP. */
export async function addDevice(
  vm: VmPlan,
  nic: NicPlan,
  vnetHeader: boolean,
  { undo }: FabricContext,
): Promise<void> {
  const side = switchSide(vm, nic)
  if (side === nic.outer) await addPair(nic.outer, nic.device, undo)
  else await addTap(nic.device, vnetHeader, undo)
  await ip(`link set dev ${side} up`)
}

const IN_KERNEL =
  'it works in the kernel: its time is in that of the guests and of the host, not in driverCpuS'

class BridgeFabric implements Fabric {
  readonly #bridge: string
  readonly #context: FabricContext

  constructor(bridge: string, context: FabricContext) {
    this.#bridge = bridge
    this.#context = context
  }

  async link(vm: VmPlan, nic: NicPlan): Promise<NicLink> {
    await addDevice(vm, nic, true, this.#context)
    await ip(`link set dev ${switchSide(vm, nic)} master ${this.#bridge}`)
    return { transport: { type: 'tap', ifname: nic.device } }
  }

  counts(vm: VmPlan, nic: NicPlan): PortCount {
    return deviceCount(switchSide(vm, nic), false)
  }

  cpuSeconds(): number {
    return 0
  }

  async reshape(): Promise<boolean> {
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    return { note: IN_KERNEL }
  }
}

export async function startBridge(context: FabricContext): Promise<Fabric> {
  const bridge = deviceName(context.tag, 'b', 0, 0)
  await addBridge(bridge, context.undo)
  return new BridgeFabric(bridge, context)
}

/** No switch: NIC k of one VM is the other end of NIC k of the other one. */
class PairFabric implements Fabric {
  async link(_vm: VmPlan, nic: NicPlan): Promise<NicLink> {
    return { transport: { type: 'tap', ifname: nic.device } }
  }

  /** Both ends are inside the VMs. */
  counts(): PortCount {
    return {}
  }

  cpuSeconds(): number {
    return 0
  }

  async reshape(): Promise<boolean> {
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    return { note: `a pair of veth devices; ${IN_KERNEL}` }
  }
}

export async function startPair(plans: readonly VmPlan[], { undo }: FabricContext): Promise<Fabric> {
  const [one, other] = plans
  for (const [index, nic] of (one?.nics ?? []).entries())
    await addPair(nic.device, other?.nics[index]?.device ?? '', undo)
  return new PairFabric()
}
