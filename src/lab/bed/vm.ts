/** The VMs of a bed: those that boot and run commands, and embedded ones that take roles. */

import { type EmbeddedRole, EmbeddedWorker } from '../../embedded/worker.js'
import { RingferryError } from '../../errors/errors.js'
import { nthCpu } from '../../sys/affinity.js'
import { closeFd, socketPair } from '../../sys/unix-socket.js'
import { networkNamespace } from '../guest/processes.js'
import type { Guest } from '../guest/spec.js'
import type { BedVm, VmKind, VmSpec } from './bed.js'
import type { Fabric } from './fabric.js'
import type { VmPlan } from './plan.js'
import type { ProcessTable } from './processor-times.js'

interface EmbedOptions {
  readonly nic?: number
  readonly spinUs?: number
}

/** What both kinds have in common. The spec may be replaced when the bed is reshaped. */
abstract class PlannedVm {
  readonly plan: VmPlan
  readonly name: string
  readonly kind: VmKind
  readonly addresses: readonly string[]
  readonly macs: readonly string[]
  spec: VmSpec

  constructor(plan: VmPlan) {
    this.plan = plan
    this.spec = plan.spec
    this.name = plan.spec.name
    this.kind = plan.spec.kind
    this.addresses = plan.nics.map(({ address }) => address)
    this.macs = plan.nics.map(({ mac }) => mac)
  }
}

/** A VM with an agent in it. */
export class BootedVm extends PlannedVm implements BedVm {
  readonly guest: Guest
  /** A netns VM's own. */
  readonly #namespace: string | undefined
  #lastSeconds = 0

  constructor(plan: VmPlan, guest: Guest) {
    super(plan)
    this.guest = guest
    this.#namespace = networkNamespace(guest.pid)
  }

  get interfaces(): readonly string[] {
    return this.guest.interfaces
  }

  get alive(): boolean {
    return this.guest.alive
  }

  /** @param table all processes, when they were read already: for many VMs at one time */
  cpuSeconds(table?: ProcessTable): number {
    const counted = (table && this.#secondsIn(table)) ?? this.guest.cpuSeconds()
    this.#lastSeconds = Math.max(this.#lastSeconds, counted)
    return this.#lastSeconds
  }

  #secondsIn(table: ProcessTable): number | undefined {
    if (this.kind === 'netns')
      return this.#namespace === undefined ? undefined : table.namespaceSeconds(this.#namespace)
    return this.kind === 'host' ? undefined : table.sessionSeconds(this.guest.pid)
  }

  async embed(): Promise<never> {
    throw new RingferryError(
      'UNSUPPORTED',
      `VM ${this.name}: a ${this.kind} VM takes no role; use an embedded VM`,
    )
  }
}

/** A VM whose NICs are taken by threads of this process, each with a role, as long as the role lasts. */
export class EmbeddedVm extends PlannedVm implements BedVm {
  readonly #fabric: Fabric
  /** Workers that have a role or had one. */
  readonly #all: EmbeddedWorker[] = []
  readonly #busy = new Set<number>()
  readonly #workers = new Set<EmbeddedWorker>()
  #stopped = false

  constructor(plan: VmPlan, fabric: Fabric) {
    super(plan)
    this.#fabric = fabric
  }

  get interfaces(): readonly string[] {
    return []
  }

  get guest(): never {
    throw new RingferryError('UNSUPPORTED', `VM ${this.name}: an embedded VM runs no commands; use embed()`)
  }

  get alive(): boolean {
    return !this.#stopped && [...this.#workers].every((worker) => worker.failure === undefined)
  }

  cpuSeconds(): number {
    return this.#all.reduce((sum, worker) => sum + worker.cpuSeconds(), 0)
  }

  async embed(role: EmbeddedRole, { nic = 0, spinUs }: EmbedOptions = {}): Promise<EmbeddedWorker> {
    const place = this.plan.nics[nic]
    if (!place) throw new RingferryError('CONFIG', `VM ${this.name}: it has no NIC ${nic}`)
    if (this.#stopped) throw new RingferryError('UNSUPPORTED', `VM ${this.name}: its bed was stopped`)
    if (this.#busy.has(nic))
      throw new RingferryError('BUSY', `VM ${this.name}: NIC ${nic} has a role; stop its worker first`)
    this.#busy.add(nic)
    const fabric = this.#fabric
    const leave = async (): Promise<void> => {
      await fabric.unembed?.(place).catch(() => {})
      this.#busy.delete(nic)
    }
    try {
      const [ours, theirs] = socketPair()
      try {
        await fabric.embed?.(this.plan, place, ours)
      } catch (error) {
        closeFd(theirs)
        throw error
      }
      const { cpu } = this.spec
      const options = {
        ...{ mac: place.mac, role },
        ...(spinUs === undefined ? {} : { spinUs }),
        ...(cpu === undefined ? {} : { cpu: nthCpu(cpu) }),
      }
      const worker = await EmbeddedWorker.start(theirs, options, async () => {
        this.#workers.delete(worker)
        await leave()
      })
      this.#all.push(worker)
      this.#workers.add(worker)
      if (this.#stopped) await worker.stop()
      return worker
    } catch (error) {
      await leave()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#workers].map((worker) => worker.stop()))
  }
}
