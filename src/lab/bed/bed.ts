/**
 * A test bed: a switch of some make, and VMs on it. Workloads run on beds; studies say which.
 *
 *    VM kinds                                switches
 *    uml qemu      real guest kernels        ringferry   this project's, with a policy
 *    netns         the host's own TCP        bridge      Linux bridge + TAPs
 *    host          the driver domain itself  vde, ovs, testpmd
 *    embedded      a thread on a real vring  none        netns and netns on a veth: native
 *    xen           a guest of a Xen that is emulated, all of the bed with it: ringferry, bridge (the kernel's netback)
 */
import { z } from 'zod'
import { POLICY_NAMES } from '../../aggregation/create.js'
import type { EmbeddedRole, EmbeddedWorker } from '../../embedded/worker.js'
import { GUEST_KINDS, type Guest } from '../guest/spec.js'

export const SWITCH_KINDS = ['ringferry', 'bridge', 'vde', 'ovs', 'testpmd', 'none'] as const
export type SwitchKind = (typeof SWITCH_KINDS)[number]

export const VM_KINDS = [...GUEST_KINDS, 'host', 'embedded', 'xen'] as const
/**
 * `host`: programs of the driver domain itself, on a TAP of the switch in the host's own namespace; beside guests of Xen the
 * driver domain is theirs.
 */
export type VmKind = (typeof VM_KINDS)[number]

export const switchSchema = z.strictObject({
  kind: z.enum(SWITCH_KINDS).default('ringferry').meta({ description: 'Of which make; none: a veth pair' }),
  policy: z
    .enum(POLICY_NAMES)
    .default('adaptive')
    .meta({ description: 'Ringferry: when a batch is published' }),
  holdUs: z
    .number()
    .positive()
    .optional()
    .meta({ description: 'Policy fixed: how long a frame is held at most' }),
  maxFrames: z.int().positive().optional().meta({ description: 'Policy fixed: frames that end a batch' }),
  budget: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: 'Share of its core that the engine may use' }),
  awake: z.boolean().optional().meta({
    description: 'Ringferry: whether the processors are kept awake while it is worth it, whatever that burns',
  }),
  cpu: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Ringferry: where its engine runs, as in `cpu` of a VM' }),
  isolation: z
    .boolean()
    .default(true)
    .meta({ description: 'Deficit round robin between VMs, storm limits: isolation' }),
})
export type SwitchSpec = z.infer<typeof switchSchema>

export const vmSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,7}$/, 'a name has up to 8 lower-case letters and digits, a letter first')
    .meta({ description: 'By which workloads name it' }),
  kind: z
    .enum(VM_KINDS)
    .meta({ description: 'A guest kernel, a namespace, the driver domain itself, or a thread on a ring' }),
  nics: z.int().min(1).max(8).default(1).meta({ description: 'NICs, each with an address of its own' }),
  model: z
    .enum(['virtio', 'e1000'])
    .default('virtio')
    .meta({ description: 'e1000: full virtualization (QEMU over `stream`)' }),
  virtualization: z
    .enum(['pv', 'pvh'])
    .optional()
    .meta({ description: 'Xen: which kind of guest; pv when left out' }),
  memoryMb: z.int().positive().optional().meta({ description: 'Memory of the guest' }),
  targetUs: z
    .number()
    .positive()
    .optional()
    .meta({ description: 'Ringferry: target for the p99 delay in the switch' }),
  weight: z.number().positive().optional().meta({ description: 'Ringferry: its share beside the other VMs' }),
  limitMbps: z.number().positive().optional().meta({ description: 'Limit of what the VM may send in Mb/s' }),
  cpu: z.int().min(0).optional().meta({
    description:
      'Embedded, uml, qemu: where it runs, the n-th of the processors that this process may use (of fewer, the last)',
  }),
  thinAcks: z.boolean().optional().meta({
    description:
      'Whether the switch delivers only the last of pure TCP acknowledgements to the VM that come together',
  }),
})
export type VmSpec = z.infer<typeof vmSchema>

export const xenSchema = z.strictObject({
  cpus: z.int().min(1).max(8).default(1).meta({ description: 'Processors of the emulated machine' }),
  icountShift: z.int().min(0).max(10).optional().meta({
    description:
      "An instruction takes 2^N ns of the machine's time, whatever else the host does; one processor only",
  }),
  warmUpS: z.int().min(0).max(600).default(0).meta({
    description:
      'Seconds for which each policy is loaded each way at most, until its code is compiled, before anything is measured',
  }),
})
export type XenSettings = z.infer<typeof xenSchema>

export const bedSchema = z.strictObject({
  switch: switchSchema.prefault({}).meta({ description: 'What connects the VMs' }),
  awake: z.boolean().default(false).meta({
    description:
      'Whether all processors are kept awake all the time, whatever the switch; what it burns is in no other figure',
  }),
  xen: xenSchema.optional().meta({ description: 'The machine of a bed with VMs of kind xen' }),
  vms: z.array(vmSchema).min(1).max(64).meta({ description: 'In the order of their addresses' }),
})
export type BedSpec = z.infer<typeof bedSchema>

/** A VM of a bed. Everything but `embedded` runs commands: `guest` is there. */
export interface BedVm {
  readonly spec: VmSpec
  readonly name: string
  readonly kind: VmKind
  /** IPv4 addresses of its NICs, without prefix. */
  readonly addresses: readonly string[]
  readonly macs: readonly string[]
  /** Names of its NICs inside. */
  readonly interfaces: readonly string[]
  /** How to run commands in it. Throws UNSUPPORTED for an embedded VM. */
  readonly guest: Pick<Guest, 'name' | 'run' | 'start' | 'putFile' | 'getFile'>
  /** Whether it is still there. */
  readonly alive: boolean
  /** Processor seconds so far, all that belongs to it on the host. */
  cpuSeconds(): number
  /**
   * embedded: gives the VM a role on its NIC until the worker is stopped; one role at a time.
   * Throws UNSUPPORTED for other kinds.
   */
  embed(
    role: EmbeddedRole,
    options?: { readonly nic?: number; readonly spinUs?: number },
  ): Promise<EmbeddedWorker>
}

/** What a port counted; peers count less: what is not known is absent. Directions are named from the VM. */
export interface PortCount {
  readonly toVmFrames?: number
  readonly toVmBytes?: number
  readonly fromVmFrames?: number
  readonly fromVmBytes?: number
  readonly calls?: number
  /** Batches that were made visible to the VM, and the frames in them. */
  readonly publications?: number
  readonly publishedFrames?: number
  /** Bursts taken from the VM's transmit rings, for the mean burst length. */
  readonly fromVmBursts?: number
  readonly drops?: Readonly<Record<string, number>>
  /** Histograms (src/core/histogram) of hold, queue and total, in the switch. */
  readonly delays?: {
    readonly hold: ArrayLike<number>
    readonly queue: ArrayLike<number>
    readonly total: ArrayLike<number>
  }
}

/** What Ringferry's engine did with its time since its start. */
export interface EngineTime {
  /** Of its processor time: polling without finding anything. */
  readonly spunS: number
  /** Ready to run, while others had its processor. */
  readonly waitedS: number
  /** Sleeps and rests that ended. */
  readonly wakes: number
}

/** What all domains of a Xen have counted since a bed was built. */
export interface XenCounts {
  /** Grant operations of the driver domain: copies and mappings. */
  readonly grantOperations: number
  /** Lists in which they were handed to the hypervisor. */
  readonly grantLists: number
  /** Interrupts of the event channels of the vifs, in all domains. */
  readonly events: number
}

/** All that is sampled at the edges of a measured window. */
export interface BedSample {
  /** In seconds, on the caller's clock; of a bed of Xen on that of the emulated machine. */
  readonly atS: number
  readonly guestCpuS: Readonly<Record<string, number>>
  /** The switch: Ringferry's engine thread, or the processes of a peer; of a bed of Xen the whole driver domain. */
  readonly driverCpuS: number
  /** Ringferry alone. */
  readonly engine?: EngineTime
  readonly xen?: XenCounts
  /** Of /proc/stat, all processors, without burntS; of a bed of Xen all its domains. */
  readonly busyS: number
  /** What the bed's threads have used that keep the processors awake. */
  readonly burntS: number
  readonly stealS: number
  /** By VM and NIC: "a", "a.1". */
  readonly ports: Readonly<Record<string, PortCount>>
}

export interface Bed {
  readonly spec: BedSpec
  readonly vms: readonly BedVm[]
  /** Throws CONFIG when there is none of this name. */
  vm(name: string): BedVm
  /**
   * Makes a bed of the same VMs and switch kind fit another spec without a reboot (policy, budget, targets).
   * False when that cannot be done: the bed must be stopped and built anew.
   */
  reshape(spec: BedSpec): Promise<boolean>
  sample(): BedSample | Promise<BedSample>
  /**
   * What the bed has used so far that it uses while nothing is asked of it, too: its threads that keep the processors awake, and the
   * switch, which may poll. In processor seconds.
   */
  idleCpuS(): number
  /** Whether it counts its own time, whatever else the host does: a busy host is no noise then. */
  readonly hasOwnTime: boolean
  /** What guests negotiated, limits in force, versions: for the record. */
  describe(): Promise<Record<string, unknown>>
  /** Rejects when the switch or a VM dies by itself. Never resolves. */
  readonly failed: Promise<never>
  /** Leaves no guest, namespace, TAP, bridge, socket or process. May be called again. Never rejects. */
  stop(): Promise<void>
}

/** A bed on the processors of this host, which can be read at any moment. */
export interface HostBed extends Bed {
  sample(): BedSample
}

export interface BedOptions {
  /** Says what happens, in one line. */
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
}
