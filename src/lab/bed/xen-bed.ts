/**
 * A bed that is a whole emulated machine: Xen, the driver domain with the kernel's netback and Ringferry side by side, and
 * guests with a vif of each (xen-plan.ts). Which of the two is measured changes without a reboot. Everything is sampled in
 * there, by the domains' own clocks and counters.
 */
import { isDeepStrictEqual } from 'node:util'
import { BUDGET_DEFAULT } from '../../control/defaults.js'
import { RingferryError } from '../../errors/errors.js'
import { XenGuest } from '../xen/guest.js'
import { QEMU, XenMachine } from '../xen/machine.js'
import { XenRingferry } from '../xen/ringferry.js'
import {
  type Bed,
  type BedOptions,
  type BedSample,
  type BedSpec,
  type BedVm,
  type PortCount,
  type SwitchSpec,
  type VmSpec,
  type XenSettings,
  xenSchema,
} from './bed.js'
import { failure, findVm, hasSameVms, makeFolder } from './bed-parts.js'
import { throwIfAborted } from './boot.js'
import { describeVm, firstLine, versionOf } from './description.js'
import { checkPossible } from './refusal.js'
import { policyOf } from './ringferry.js'
import { Undo } from './undo.js'
import { alignReading, type Reading } from './xen-align.js'
import * as plan from './xen-plan.js'
import { COUNT_GRANTS, GRANT_FILES } from './xen-sample.js'
import { type DomainParts, XenVm } from './xen-vm.js'
import { warmUp } from './xen-warm-up.js'

/** Where instructions are counted a second of the machine's takes up to nine of a busy host's. */
const COUNTED_PATIENCE = 15
/** In the driver domain: netback's interrupts have the name of the device, Ringferry's that of who opened the channel. */
const HOST_EVENTS: Readonly<Record<plan.XenSwitch, string>> = { bridge: 'vif', ringferry: 'evtchn:node' }
/** In a guest: of the vif with this place. */
const GUEST_EVENTS: Readonly<Record<plan.XenSwitch, string>> = { bridge: 'vif0-', ringferry: 'vif1-' }
const READ_VERSION = 'cd /sys/hypervisor/version && echo "$(cat major).$(cat minor)$(cat extra)"'

interface Parts {
  readonly machine: XenMachine
  readonly ringferry: XenRingferry
  /** Guests in the order of the spec; the driver domain whether it is a VM of the spec or not. */
  readonly domains: { readonly host: DomainParts; readonly guests: readonly DomainParts[] }
  readonly versions: Readonly<Record<string, unknown>>
  readonly undo: Undo
  readonly failed: Promise<never>
}

/** Of a bed that says nothing: their defaults. */
const xenSettings = ({ xen }: BedSpec): XenSettings => xen ?? xenSchema.parse({})

const HOST: VmSpec = { name: 'dom0', kind: 'host', nics: 1, model: 'virtio' }

class XenBed implements Bed {
  readonly vms: readonly XenVm[]
  readonly failed: Promise<never>
  readonly #parts: Parts
  readonly #host: XenVm
  readonly #described = new Map<string, Promise<Record<string, unknown>>>()
  readonly #readings = new Map<string, Reading>()
  /** The last reading of the driver domain, on its clock. */
  #lastS: number | undefined
  #spec: BedSpec

  constructor(spec: BedSpec, parts: Parts) {
    this.#spec = spec
    this.#parts = parts
    this.failed = parts.failed
    const { host, guests } = parts.domains
    const current = (): plan.XenSwitch => plan.xenSwitch(this.#spec.switch.kind)
    let place = 0
    this.vms = spec.vms.map(
      (vm) => new XenVm(vm, vm.kind === 'host' ? host : (guests[place++] as DomainParts), current),
    )
    this.#host = this.vms.find(({ kind }) => kind === 'host') ?? new XenVm(HOST, host, current)
  }

  get hasOwnTime(): boolean {
    return plan.countsOwnTime(this.#spec)
  }

  get spec(): BedSpec {
    return this.#spec
  }

  vm(name: string): BedVm {
    return findVm(this.vms, name)
  }

  async reshape(spec: BedSpec): Promise<boolean> {
    if (!hasSameVms(this.#spec, spec) || !isDeepStrictEqual(this.#spec.xen, spec.xen)) return false
    checkPossible(spec)
    await this.use(spec.switch)
    this.#spec = spec
    return true
  }

  /** Ringferry gets its policy, and is measured once it has decided; beside the kernel it waits, with one that decides nothing. */
  async use(spec: SwitchSpec): Promise<void> {
    const { ringferry } = this.#parts
    const isMeasured = plan.xenSwitch(spec.kind) === 'ringferry'
    const policy = isMeasured ? policyOf(spec) : { name: 'natural' }
    await ringferry.tune({ policy, budget: spec.budget ?? BUDGET_DEFAULT })
    if (isMeasured) await ringferry.untilDecided()
  }

  async sample(): Promise<BedSample> {
    const guests = this.vms.filter((vm) => vm !== this.#host)
    const [host, ...counts] = await Promise.all([
      this.#host.count(GRANT_FILES),
      ...guests.map((vm) => vm.count()),
    ])
    const seconds = host.atS - (this.#lastS ?? host.atS)
    this.#lastS = host.atS
    const told = counts.map((read, at) => {
      const { name } = guests[at] as XenVm
      const reading = alignReading(this.#readings.get(name), read, seconds)
      this.#readings.set(name, reading)
      return reading.told
    })
    const all = [host, ...told]
    const sum = (of: (count: (typeof all)[number]) => number): number =>
      all.reduce((before, count) => before + of(count), 0)
    const ports: Record<string, PortCount> = { [this.#host.name]: host.port }
    const guestCpuS: Record<string, number> = {}
    for (const [at, { name }] of guests.entries()) {
      ports[name] = told[at]?.port ?? {}
      guestCpuS[name] = told[at]?.busyS ?? 0
    }
    const { operations, lists } = host.grants
    return {
      ...{ atS: host.atS, guestCpuS, driverCpuS: host.busyS, busyS: sum(({ busyS }) => busyS) },
      ...{ burntS: 0, stealS: 0, ports },
      xen: { grantOperations: operations, grantLists: lists, events: sum(({ events }) => events) },
    }
  }

  /** The emulation, of whatever the domains do. */
  idleCpuS(): number {
    return this.#parts.machine.cpuSeconds()
  }

  async describe(): Promise<Record<string, unknown>> {
    const { kind, ...settings } = this.#spec.switch
    const vms: Record<string, unknown> = {}
    for (const vm of this.vms) {
      // What is inside does not change; asking takes the emulated processor.
      const key = `${kind} ${vm.name}`
      const known = this.#described.get(key) ?? describeVm(vm)
      this.#described.set(key, known)
      vms[vm.name] = await known
    }
    const { kernel, ...machine } = this.#parts.versions
    const version = kind === 'ringferry' ? await versionOf(kind) : kernel
    return {
      switch: { kind, version, ...(kind === 'ringferry' ? settings : { backend: 'xen-netback' }) },
      awake: false,
      xen: { ...machine, ...xenSettings(this.#spec) },
      vms,
    }
  }

  stop(): Promise<void> {
    return this.#parts.undo.run()
  }
}

/** Creates a guest, with its NICs configured. @param place among the guests of the bed, from 0 */
async function startGuest(
  machine: XenMachine,
  { name, virtualization = 'pv' }: VmSpec,
  place: number,
  patience: number,
): Promise<DomainParts> {
  const guest = new XenGuest(machine, {
    name,
    type: virtualization,
    channel: place,
    vifs: plan.vifsOf(place),
  })
  await guest.create()
  const nic = async (kind: plan.XenSwitch): Promise<plan.XenNic> => {
    const device = await guest.must(plan.configureGuest(place, kind))
    return { device: device.trim(), mac: plan.guestMac(place, kind), address: plan.guestAddress(place, kind) }
  }
  const nics = { bridge: await nic('bridge'), ringferry: await nic('ringferry') }
  // The toolstack's name of the device is made of the domain's number.
  await machine.must(`until [ -e /sys/class/net/vif${await guest.domainId()}.0/master ]; do sleep 0.2; done`)
  return { agent: guest.agent, nics, events: GUEST_EVENTS, alive: () => machine.alive, patience }
}

async function hostDomain(machine: XenMachine, patience: number): Promise<DomainParts> {
  const nic = async (kind: plan.XenSwitch): Promise<plan.XenNic> => {
    const device = plan.HOST_DEVICE[kind]
    const mac = await machine.must(`cat /sys/class/net/${device}/address`)
    return { device, mac: mac.trim(), address: plan.hostAddress(kind) }
  }
  const nics = { bridge: await nic('bridge'), ringferry: await nic('ringferry') }
  return { agent: machine.agent, nics, events: HOST_EVENTS, alive: () => machine.alive, patience }
}

/** Makes everything in a machine that is up. */
async function furnish(
  machine: XenMachine,
  spec: BedSpec,
  { progress, signal }: BedOptions,
): Promise<Pick<Parts, 'ringferry' | 'domains' | 'versions'>> {
  const guests = spec.vms.filter(({ kind }) => kind === 'xen')
  const patience = plan.countsOwnTime(spec) ? COUNTED_PATIENCE : 1
  await machine.must(plan.LOAD_NETBACK)
  const binding = machine.agent.start(plan.BIND_NETBACK)
  progress('starting Ringferry in the driver domain')
  const ringferry = await XenRingferry.make(machine, plan.ringferryConfig(guests.map(({ name }) => name)))
  await ringferry.start()
  await machine.must(plan.configureDevice(plan.HOST_DEVICE.ringferry, plan.hostAddress('ringferry')))
  const started: DomainParts[] = []
  for (const [place, vm] of guests.entries()) {
    throwIfAborted(signal)
    progress(`creating guest ${vm.name}`)
    started.push(await startGuest(machine, vm, place, patience))
  }
  await binding.stop()
  await machine.must(COUNT_GRANTS)
  const versions = {
    hypervisor: `Xen ${(await machine.must(READ_VERSION)).trim()}`,
    kernel: `Linux ${(await machine.must('uname -r')).trim()}`,
    emulator: await firstLine(QEMU, ['--version']),
  }
  return { ringferry, versions, domains: { host: await hostDomain(machine, patience), guests: started } }
}

/**
 * Boots the machine, with both switches and all guests, which takes some minutes. Throws as buildBed does, and leaves
 * nothing then.
 */
export async function buildXenBed(spec: BedSpec, options: BedOptions): Promise<Bed> {
  checkPossible(spec)
  const { signal, progress } = options
  throwIfAborted(signal)
  const undo = new Undo()
  const { failed, fail } = failure()
  let machine: XenMachine | undefined
  const giveUp = (): void => void machine?.stop()
  signal.addEventListener('abort', giveUp)
  try {
    const { cpus, icountShift, warmUpS } = xenSettings(spec)
    progress('booting Xen, emulated')
    const booted = await XenMachine.boot(makeFolder('xen', undo), { cpus, icountShift, signal })
    machine = booted
    undo.add(() => booted.stop())
    const parts = await furnish(booted, spec, options)
    await warmUp(parts.ringferry, parts.domains, warmUpS, options)
    const bed = new XenBed(spec, { machine: booted, ...parts, undo, failed })
    await bed.use(spec.switch)
    throwIfAborted(signal)
    let stopping = false
    undo.add(() => {
      stopping = true
    })
    const ended = (what: string): void => {
      if (!stopping) fail(new RingferryError('GUEST', `${what} ended by itself: ${booted.lastWords(3)}`))
    }
    void booted.ended.then(() => ended('the emulated machine'))
    void parts.ringferry.watch().done.then(
      () => ended('Ringferry in the driver domain'),
      () => {},
    )
    return bed
  } catch (error) {
    progress('undoing what was built')
    await undo.run()
    throwIfAborted(signal)
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
