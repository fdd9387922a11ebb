/** vde_switch: User-Mode Linux and QEMU are its clients; what runs on the host's kernel comes by vde_plug2tap. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PortCount } from './bed.js'
import type { Fabric, FabricContext, NicLink } from './fabric.js'
import { addTap } from './ip.js'
import { PeerProcess, peerProgram } from './peer-process.js'
import type { NicPlan, VmPlan } from './plan.js'

const PACKAGE = 'vde2'
/** Ports of the switch: NICs of 64 VMs. */
const PORTS = 512

class VdeFabric implements Fabric {
  readonly #dir: string
  readonly #context: FabricContext
  readonly #processes: PeerProcess[]

  constructor(dir: string, running: PeerProcess, context: FabricContext) {
    this.#dir = dir
    this.#processes = [running]
    this.#context = context
  }

  async link({ spec }: VmPlan, { device }: NicPlan): Promise<NicLink> {
    if (spec.kind !== 'netns' && spec.kind !== 'host') return { transport: { type: 'vde', dir: this.#dir } }
    const plug = peerProgram('vde_plug2tap', PACKAGE)
    await addTap(device, false, this.#context.undo)
    const running = new PeerProcess(plug, ['-s', this.#dir, device], this.#context)
    await running.until(() => existsSync(`/sys/class/net/${device}/carrier`), `its TAP ${device}`)
    this.#processes.push(running)
    return { transport: { type: 'tap', ifname: device } }
  }

  /** vde_switch counts nothing. */
  counts(): PortCount {
    return {}
  }

  cpuSeconds(): number {
    return this.#processes.reduce((sum, running) => sum + running.seconds(), 0)
  }

  async reshape(): Promise<boolean> {
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    return { note: 'no offloads cross it; driverCpuS has vde_switch and every vde_plug2tap' }
  }
}

/** Throws NOT_FOUND, GUEST. */
export async function startVde(context: FabricContext): Promise<Fabric> {
  const dir = join(context.folder, 'vde')
  const running = new PeerProcess(
    peerProgram('vde_switch', PACKAGE),
    ['-s', dir, '-n', String(PORTS)],
    context,
  )
  await running.until(() => existsSync(join(dir, 'ctl')), 'its control socket')
  return new VdeFabric(dir, running, context)
}
