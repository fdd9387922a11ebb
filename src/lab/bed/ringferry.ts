/** Ringferry as the switch of a bed: an engine in a thread of this process. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicyConfig } from '../../aggregation/create.js'
import { AWAKE_DEFAULT } from '../../control/awake.js'
import { BUDGET_DEFAULT, VIF_DEFAULTS } from '../../control/defaults.js'
import { EngineSigns } from '../../core/globals.js'
import { Switch } from '../../engine/switch.js'
import type { SwitchOptions } from '../../engine/switch-types.js'
import { RingferryError } from '../../errors/errors.js'
import type { PortConfig } from '../../port/config.js'
import { nthCpu } from '../../sys/affinity.js'
import type { BedSpec, EngineTime, PortCount, SwitchSpec, VmSpec } from './bed.js'
import type { Fabric, FabricContext, NicLink } from './fabric.js'
import type { NicPlan, VmPlan } from './plan.js'
import { addCounts, portCountOf } from './port-count.js'

/** Receivers of a study may be silent for longer than an address lives. */
const AGEING_S = 86_400
/** Flooded frames per second that a VM may cause under isolation: far above what ARP needs. */
const STORM_FPS = 10_000
/** What may come at once of a VM with a limit, as a part of a second. */
const BURST_PARTS = 20
const SETTLE_MS = 15_000

/** The policy of a spec as the engine takes it. */
export function policyOf({ policy, holdUs, maxFrames }: SwitchSpec): PolicyConfig {
  return {
    name: policy,
    ...(holdUs === undefined ? {} : { holdUs }),
    ...(maxFrames === undefined ? {} : { maxFrames }),
  }
}

/** Share of the processors' time that may be burnt to keep them awake: all that is idle, or none. */
function awakeShare({ awake }: SwitchSpec): number {
  return awake ? 1 : AWAKE_DEFAULT
}

/** Options of the engine for a spec. */
export function switchOptions(spec: SwitchSpec): SwitchOptions {
  return {
    policy: policyOf(spec),
    schedule: spec.isolation,
    ageingS: AGEING_S,
    ...(spec.budget === undefined ? {} : { budget: spec.budget }),
    ...(spec.cpu === undefined ? {} : { cpu: nthCpu(spec.cpu) }),
    awake: awakeShare(spec),
  }
}

/** Limits of a VM's port: none without isolation. Rates in KiB/s as in libvirt. */
export function portLimits(spec: SwitchSpec, vm: VmSpec): Pick<PortConfig, 'fromVm' | 'stormFps'> {
  if (!spec.isolation) return { stormFps: 0 }
  if (vm.limitMbps === undefined) return { stormFps: STORM_FPS }
  const averageKiB = Math.max(1, Math.round((vm.limitMbps * 1e6) / 8 / 1024))
  const burstKiB = Math.max(64, Math.round(averageKiB / BURST_PARTS))
  return { stormFps: STORM_FPS, fromVm: { averageKiB, burstKiB } }
}

/** What every kind of port of a VM is given. */
function portSettings(spec: SwitchSpec, vm: VmSpec): Pick<PortConfig, 'fromVm' | 'stormFps' | 'thinAcks'> {
  return { ...portLimits(spec, vm), ...(vm.thinAcks === undefined ? {} : { thinAcks: vm.thinAcks }) }
}

function targets(vm: VmSpec): { targetUs?: number; weight?: number } {
  return {
    ...(vm.targetUs === undefined ? {} : { targetUs: vm.targetUs }),
    ...(vm.weight === undefined ? {} : { weight: vm.weight }),
  }
}

/** The port of a NIC and what the guest is told. Sockets lie in `folder`. */
export function portOf(
  spec: SwitchSpec,
  vm: VmSpec,
  nic: NicPlan,
  folder: string,
): { readonly port: PortConfig; readonly link: NicLink } {
  const settings = { name: nic.port, ...portSettings(spec, vm) }
  if (vm.kind === 'netns' || vm.kind === 'host')
    return {
      port: { kind: 'tap', ...settings, device: nic.device },
      link: { transport: { type: 'tap', ifname: nic.device } },
    }
  const socket = join(folder, nic.port)
  if (vm.model === 'e1000')
    return {
      port: { kind: 'stream', ...settings, socket },
      link: { transport: { type: 'stream', path: socket } },
    }
  return {
    port: { kind: 'vif', ...settings, ...targets(vm), socket },
    link: { transport: { type: 'vhost-user', path: socket } },
  }
}

class RingferryFabric implements Fabric {
  readonly #switch: Switch
  readonly #context: FabricContext
  #spec: BedSpec
  /** Ports that are open now; embedded ones come and go. */
  readonly #open = new Set<string>()
  /** What ports counted that are closed again. */
  readonly #closed = new Map<string, PortCount>()

  constructor(running: Switch, spec: BedSpec, context: FabricContext) {
    this.#switch = running
    this.#spec = spec
    this.#context = context
  }

  #vm(name: string): VmSpec {
    const vm = this.#spec.vms.find((each) => each.name === name)
    if (!vm) throw new RingferryError('CONFIG', `bed: there is no VM ${name}`)
    return vm
  }

  async link({ spec }: VmPlan, nic: NicPlan): Promise<NicLink> {
    const { port, link } = portOf(this.#spec.switch, spec, nic, this.#context.folder)
    await this.#switch.addPort(port)
    this.#open.add(nic.port)
    return link
  }

  async settled(): Promise<void> {
    const until = performance.now() + SETTLE_MS
    for (;;) {
      const late = (await this.#switch.refresh()).filter((port) => port.state !== 'up')
      if (late.length === 0) return
      if (performance.now() > until) {
        const words = late.map((port) => `${port.name} is ${port.state} ${port.reason ?? ''}`.trim())
        throw new RingferryError('GUEST', `bed: ports do not come up: ${words.join(', ')}`)
      }
      await sleep(50)
    }
  }

  async embed({ spec }: VmPlan, nic: NicPlan, fd: number): Promise<void> {
    const vm = this.#vm(spec.name)
    const settings = { name: nic.port, ...portSettings(this.#spec.switch, vm), ...targets(vm) }
    await this.#switch.addPort({ kind: 'embedded', ...settings, fd })
    this.#open.add(nic.port)
  }

  async unembed(nic: NicPlan): Promise<void> {
    this.#closed.set(nic.port, this.#count(nic.port))
    this.#open.delete(nic.port)
    await this.#switch.removePort(nic.port)
  }

  #count(port: string): PortCount {
    const before = this.#closed.get(port)
    if (!this.#open.has(port)) return before ?? {}
    const now = portCountOf(this.#switch.counters(port), this.#switch.delays(port))
    return before ? addCounts(before, now) : now
  }

  counts(_vm: VmPlan, nic: NicPlan): PortCount {
    return this.#count(nic.port)
  }

  cpuSeconds(): number {
    return this.#switch.cpuSeconds()
  }

  engineTime(): EngineTime {
    const { spunUs, wakes } = this.#switch.read(
      (memory) => new EngineSigns(memory.buffer as unknown as SharedArrayBuffer),
    )
    return { spunS: spunUs / 1e6, waitedS: this.#switch.promises().waitedUs / 1e6, wakes }
  }

  async reshape(spec: BedSpec): Promise<boolean> {
    const { isolation, cpu } = this.#spec.switch
    if (spec.switch.isolation !== isolation || spec.switch.cpu !== cpu) return false
    const budget = spec.switch.budget ?? BUDGET_DEFAULT
    await this.#switch.tune({ policy: policyOf(spec.switch), budget, awake: awakeShare(spec.switch) })
    for (const vm of spec.vms) {
      const { targetUs, weight } = { ...VIF_DEFAULTS, ...targets(vm) }
      for (const { name, kind } of this.#switch.status())
        if ((name === vm.name || name.startsWith(`${vm.name}.`)) && (kind === 'vif' || kind === 'embedded'))
          await this.#switch.tune({ vif: name, targetUs, weight })
    }
    this.#spec = spec
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    const ports = await this.#switch.refresh()
    const { policy, budget, restUs, spinUs, wakeUs, awake, figures, vifs } = this.#switch.tuning()
    return {
      ports: Object.fromEntries(
        ports.map(({ name, kind, state, negotiated, detachments }) => [
          name,
          { kind, state, negotiated, detachments },
        ]),
      ),
      tuning: {
        ...{ policy, budget, restUs, spinUs, wakeUs, awake, figures },
        vifs: Object.fromEntries(
          vifs.map(({ name, targetUs, weight, limits, why }) => [name, { targetUs, weight, limits, why }]),
        ),
      },
    }
  }
}

/** Starts Ringferry for a bed. */
export async function startRingferry(spec: BedSpec, context: FabricContext): Promise<Fabric> {
  const running = await Switch.start(switchOptions(spec.switch))
  context.undo.add(() => running.stop())
  running.failed.catch((error) =>
    context.fail(new RingferryError('GUEST', `the switch ended by itself: ${(error as Error).message}`)),
  )
  return new RingferryFabric(running, spec, context)
}
