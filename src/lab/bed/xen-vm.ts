/** The domains of a bed of Xen as its VMs: guests, and the driver domain itself. */
import { RingferryError } from '../../errors/errors.js'
import type { Agent } from '../guest/agent.js'
import { getFileBy, putFileBy } from '../guest/agent-files.js'
import type { CommandOptions } from '../guest/spec.js'
import type { BedVm, VmKind, VmSpec } from './bed.js'
import type { XenNic, XenSwitch } from './xen-plan.js'
import { countCommand, type DomainCount, parseCount } from './xen-sample.js'

const COMMAND_MS = 60_000

/** What is known of a domain when it is up. */
export interface DomainParts {
  readonly agent: Agent
  readonly nics: Readonly<Record<XenSwitch, XenNic>>
  /** What the names of its vifs' interrupts have, as awk's expression. */
  readonly events: Readonly<Record<XenSwitch, string>>
  /** Of the machine. */
  readonly alive: () => boolean
  /** How many times longer than by its own clock what is run in it may take. */
  readonly patience: number
}

/** A domain. Which of its NICs it has depends on the switch that the bed has now. */
export class XenVm implements BedVm {
  readonly name: string
  readonly kind: VmKind
  readonly spec: VmSpec
  readonly guest: BedVm['guest']
  readonly #parts: DomainParts
  readonly #current: () => XenSwitch
  #busyS = 0

  constructor(spec: VmSpec, parts: DomainParts, current: () => XenSwitch) {
    this.spec = spec
    this.name = spec.name
    this.kind = spec.kind
    this.#parts = parts
    this.#current = current
    const { agent, patience } = parts
    const patient = (options: CommandOptions = {}): CommandOptions =>
      options.timeoutMs === undefined ? options : { ...options, timeoutMs: patience * options.timeoutMs }
    const must = (command: string): Promise<string> => this.must(command)
    this.guest = {
      name: spec.name,
      run: (command, options) => agent.run(command, patient(options)),
      start: (command, options) => agent.start(command, patient(options)),
      putFile: (path, content) => putFileBy(must, path, content),
      getFile: (path) => getFileBy(must, path),
    }
  }

  get #nic(): XenNic {
    return this.#parts.nics[this.#current()]
  }

  get addresses(): readonly string[] {
    return [this.#nic.address]
  }

  get macs(): readonly string[] {
    return [this.#nic.mac]
  }

  get interfaces(): readonly string[] {
    return [this.#nic.device]
  }

  get alive(): boolean {
    return this.#parts.alive()
  }

  /** Runs a command; throws GUEST when it fails. Returns what it printed. */
  async must(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.guest.run(command, { timeoutMs: COMMAND_MS })
    if (code === 0) return stdout
    const words = (stderr.trim() || stdout.trim()).replaceAll('\n', ' | ')
    throw new RingferryError('GUEST', `VM ${this.name}: "${command}" failed (exit code ${code}): ${words}`)
  }

  /** Its counts now. @param histograms see countCommand */
  async count(histograms: readonly string[] = []): Promise<DomainCount> {
    const { device } = this.#nic
    const events = this.#parts.events[this.#current()]
    const count = parseCount(this.name, device, await this.must(countCommand(device, events, histograms)))
    this.#busyS = count.busyS
    return count
  }

  /** As of the last count. */
  cpuSeconds(): number {
    return this.#busyS
  }

  async embed(): Promise<never> {
    throw new RingferryError(
      'UNSUPPORTED',
      `VM ${this.name}: a VM on a bed of Xen takes no role; use an embedded VM`,
    )
  }
}
