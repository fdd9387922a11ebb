/**
 * Builds a bed: switch first, then its VMs side by side. Whatever goes wrong, what was made is unmade in reverse
 * order: VMs, their places, the switch, the folder.
 */

import { RingferryError } from '../../errors/errors.js'
import type { Guest } from '../guest/spec.js'
import { BedAwake } from './awake.js'
import type { BedOptions, BedSample, BedSpec, BedVm, HostBed, PortCount, VmSpec } from './bed.js'
import { failure, findVm, hasSameVms, makeFolder } from './bed-parts.js'
import { bootAll, throwIfAborted } from './boot.js'
import { describeVm, versionOf } from './description.js'
import type { Fabric, FabricContext } from './fabric.js'
import { hostAddresses } from './host-guest.js'
import { bedTag, freeOctet, planVms, type VmPlan } from './plan.js'
import { machineSeconds, ProcessTable } from './processor-times.js'
import { checkPossible } from './refusal.js'
import { startFabric } from './switches.js'
import { Undo } from './undo.js'
import { BootedVm, EmbeddedVm } from './vm.js'

let beds = 0

class BuiltBed implements HostBed {
  readonly vms: readonly (BootedVm | EmbeddedVm)[]
  readonly failed: Promise<never>
  readonly #fabric: Fabric
  readonly #awake: BedAwake
  readonly #unmake: () => Promise<void>
  readonly #described = new Map<string, Promise<Record<string, unknown>>>()
  #spec: BedSpec

  constructor(
    spec: BedSpec,
    vms: readonly (BootedVm | EmbeddedVm)[],
    parts: {
      readonly fabric: Fabric
      readonly awake: BedAwake
      readonly unmake: () => Promise<void>
      readonly failed: Promise<never>
    },
  ) {
    this.#spec = spec
    this.vms = vms
    this.#fabric = parts.fabric
    this.#awake = parts.awake
    this.#unmake = parts.unmake
    this.failed = parts.failed
  }

  get spec(): BedSpec {
    return this.#spec
  }

  vm(name: string): BedVm {
    return findVm(this.vms, name)
  }

  async reshape(spec: BedSpec): Promise<boolean> {
    const isSame = spec.switch.kind === this.#spec.switch.kind && hasSameVms(this.#spec, spec)
    if (!isSame || !(await this.#fabric.reshape(spec))) return false
    await this.#awake.keep(spec.awake)
    this.#spec = spec
    for (const [index, vm] of this.vms.entries()) vm.spec = spec.vms[index] as VmSpec
    return true
  }

  sample(): BedSample {
    const table = new ProcessTable()
    const guestCpuS: Record<string, number> = {}
    const ports: Record<string, PortCount> = {}
    for (const vm of this.vms) {
      guestCpuS[vm.name] = vm instanceof BootedVm ? vm.cpuSeconds(table) : vm.cpuSeconds()
      for (const nic of vm.plan.nics) ports[nic.port] = this.#fabric.counts(vm.plan, nic)
    }
    const driverCpuS = this.#fabric.cpuSeconds()
    const engine = this.#fabric.engineTime?.()
    const { busyS, stealS } = machineSeconds()
    const burntS = this.#awake.burntS()
    const atS = performance.now() / 1000
    return {
      ...{ atS, guestCpuS, driverCpuS, busyS: busyS - burntS, burntS, stealS, ports },
      ...(engine && { engine }),
    }
  }

  readonly hasOwnTime = false

  idleCpuS(): number {
    return this.#awake.burntS() + this.#fabric.cpuSeconds()
  }

  async describe(): Promise<Record<string, unknown>> {
    const { kind, ...settings } = this.#spec.switch
    const vms: Record<string, unknown> = {}
    for (const vm of this.vms) {
      // What is inside a guest does not change; asking takes its processor.
      const known = this.#described.get(vm.name) ?? describeVm(vm)
      this.#described.set(vm.name, known)
      vms[vm.name] = await known
    }
    const more = await this.#fabric.describe()
    return {
      switch: { kind, version: await versionOf(kind), ...(kind === 'ringferry' ? settings : {}), ...more },
      awake: this.#spec.awake ? { cpus: this.#awake.cpus } : false,
      vms,
    }
  }

  stop(): Promise<void> {
    return this.#unmake()
  }
}

/**
 * Builds a bed and waits until every guest kernel is up. Throws UNSUPPORTED (this bed cannot be), NOT_FOUND (a
 * program is missing: says what to install), CONFIG, PERMISSION, GUEST, INTERRUPTED (`options.signal`); nothing is
 * left then. After the build the signal has no effect: the owner calls stop().
 */
export async function buildBed(spec: BedSpec, options: BedOptions): Promise<HostBed> {
  checkPossible(spec)
  throwIfAborted(options.signal)
  const tag = bedTag(process.pid, beds++)
  const onHost = spec.vms.some((vm) => vm.kind === 'host')
  const plans = planVms(spec, tag, onHost ? freeOctet(await hostAddresses()) : undefined)
  // Places of NICs are made while VMs boot: VMs end first, whatever the order in which all of it came to be.
  const undo = new Undo()
  const endVms = new Undo()
  const unmake = async (): Promise<void> => {
    await endVms.run()
    await undo.run()
  }
  const { failed, fail } = failure()
  let stopping = false
  const awake = new BedAwake()
  undo.add(() => awake.keep(false))
  try {
    const context: FabricContext = { folder: makeFolder(tag, undo), tag, undo, fail }
    options.progress(`starting the switch (${spec.switch.kind})`)
    const fabric = await startFabric(spec, plans, context)
    const guests = new Map<VmPlan, Guest>()
    endVms.add(async () => {
      stopping = true
      await Promise.all([...guests.values()].map((guest) => guest.stop()))
    })
    const kernels = plans.filter((plan) => plan.spec.kind !== 'embedded')
    await bootAll(kernels, fabric, options, (plan, guest) => {
      guests.set(plan, guest)
      void guest.ended.then(() => {
        if (!stopping) fail(died(plan, guest))
      })
    })
    await fabric.settled?.()
    throwIfAborted(options.signal)
    const vms = plans.map((plan) => {
      const guest = guests.get(plan)
      if (guest) return new BootedVm(plan, guest)
      const vm = new EmbeddedVm(plan, fabric)
      endVms.add(() => vm.stop())
      return vm
    })
    await awake.keep(spec.awake)
    return new BuiltBed(spec, vms, { fabric, awake, unmake, failed })
  } catch (error) {
    options.progress('undoing what was built')
    await unmake()
    throw error
  }
}

function died({ spec }: VmPlan, guest: Guest): RingferryError {
  const words = guest.lastWords(3).replaceAll('\n', ' | ')
  return new RingferryError(
    'GUEST',
    `VM ${spec.name} (${spec.kind}) died${words ? `; last words: ${words}` : ''}`,
  )
}
