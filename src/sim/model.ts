/**
 * What is simulated: a machine, what runs on it, and what is sent. Plain data, checked by whoever reads it from people
 * (src/experiment) and once more, for what would never end, by runModel.
 *
 *   remote peer --- wire --- NIC --- driver domain --- rings --- VM      to the VM: received by it ("toVm")
 *                                    (bridge)     \--- rings --- VM      or from VM to VM, through the bridge
 */
import type { PolicyConfig } from '../aggregation/create.js'

/** Where the drivers of NICs run, and who is between them and a guest. `ARCHITECTURES` has the costs of each. */
export const ARCHITECTURE_NAMES = ['native', 'type-1', 'type-2', 'xen', 'ringferry'] as const
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number]

/** How a guest reaches its NIC: emulated registers, rings, or the NIC's own function (SR-IOV). */
export const DEVICE_NAMES = ['paravirtual', 'full', 'direct'] as const
export type DeviceName = (typeof DEVICE_NAMES)[number]

/** Who runs the workload: the machine without VMs, the driver domain (or host), or a guest. */
export const PLACES = ['native', 'driver', 'guest'] as const
export type Place = (typeof PLACES)[number]

/** Whose costs the tables have: the founding document's machine (2.4 GHz, 2005), or one of today. */
export const GENERATIONS = ['2005', 'today'] as const
export type Generation = (typeof GENERATIONS)[number]

/** How threads share a processor: Xen's credits, or equal shares by weight as Linux gives them. */
export const SCHEDULER_NAMES = ['credit', 'fair'] as const
export type SchedulerName = (typeof SCHEDULER_NAMES)[number]

/** `counts`: rings are counted. `rings`: the plane itself moves frames between real rings. */
export const DEPTHS = ['counts', 'rings'] as const
export type Depth = (typeof DEPTHS)[number]

/** The machine. */
export interface Host {
  readonly cores: number
  readonly ghz: number
  readonly scheduler: SchedulerName
  /** Last-level cache in MB; 0: not modelled. */
  readonly llcMb: number
  /** Cycles for each byte that is found in memory instead of it. */
  readonly missCyclesPerByte: number
  /** A sleeping thread runs so long after it was woken from another processor, in microseconds. */
  readonly wakeUs: number
  /** Stretches a second in which threads that are not modelled take a processor; 0: they do not. */
  readonly othersPerS: number
  /** How long such a stretch lasts in the mean, in microseconds. */
  readonly othersUs: number
}

export interface Nic {
  readonly name: string
  readonly gbps: number
  /** Queues, each with rings and interrupts of its own: as many threads of a driver domain can share it. */
  readonly queues: number
  /** Frames of its receive and transmit rings. */
  readonly ringFrames: number
  /** An interrupt comes at most so often, in microseconds; 0: at every frame. */
  readonly moderationUs: number
  /** One way to its peer, in microseconds. */
  readonly wireUs: number
}

export interface Vm {
  readonly name: string
  /** p99 from arrival to publication that it accepts, in microseconds. */
  readonly targetUs: number
  /** Of the driver domain's time and of the processor, relative to others. */
  readonly weight: number
  /** Most of a processor that it gets, as a share; 0: no limit. */
  readonly cap: number
  /** Processors that it may run on; none: all. */
  readonly cores: readonly number[]
  readonly ringFrames: number
  /** Frames that its programs may have waiting for room in its ring. */
  readonly queueFrames: number
  /** How long its driver polls before it sleeps, in microseconds: until then it needs no waking. Counted as idle. */
  readonly spinUs: number
  /** What it touches, for the last-level cache. */
  readonly workingSetMb: number
  /** Share of a processor that it computes beside its network; 0 to 1. */
  readonly computes: number
}

/** When frames come, open loop: whatever becomes of them. */
export type Arrivals =
  | { readonly kind: 'constant' }
  | { readonly kind: 'poisson' }
  /** Poisson at a rate that keeps the mean, while on. */
  | { readonly kind: 'on-off'; readonly onUs: number; readonly offUs: number }
  /** Poisson at rates which change by chance: `states` with a factor of the rate and a mean stay. */
  | {
      readonly kind: 'mmpp'
      readonly states: readonly { readonly factor: number; readonly meanUs: number }[]
    }
  /** So many frames back to back, at times that follow each other by chance, or regularly. */
  | { readonly kind: 'trains' | 'bursts'; readonly frames: number }
  /** As recorded: microseconds since the start and bytes; repeated at its end. */
  | { readonly kind: 'trace'; readonly atUs: ArrayLike<number>; readonly bytes: ArrayLike<number> }

/** Frames at a rate. */
export interface OpenTraffic {
  readonly kind: 'open'
  readonly label: string
  /** A VM or a NIC (its peer on the wire). */
  readonly from: string
  readonly to: string
  readonly rateFps: number
  /** Bytes of a frame without its checksum; or `imix`: 64, 594 and 1518 bytes as 7 : 4 : 1 (checksums counted). */
  readonly frameBytes: number | 'imix'
  readonly arrivals: Arrivals
  /** Share of frames that must not wait. */
  readonly urgentShare: number
}

/** TCP connections that send as fast as they may. */
export interface TcpTraffic {
  readonly kind: 'tcp'
  readonly label: string
  readonly from: string
  readonly to: string
  readonly connections: number
  readonly windowBytes: number
  /** Payload of a segment. */
  readonly segmentBytes: number
  /** Bytes that a sender hands down as one frame (segmentation offload); the segment's: none. */
  readonly offloadBytes: number
  /** Segments that an acknowledgement answers. */
  readonly ackEvery: number
  /** Share of frames that the wire loses. */
  readonly loss: number
}

/** One question after the other: the next is sent when the answer came. */
export interface RequestTraffic {
  readonly kind: 'requests'
  readonly label: string
  readonly from: string
  readonly to: string
  readonly connections: number
  readonly requestBytes: number
  readonly answerBytes: number
  /** What an answer costs the one who gives it, in microseconds. */
  readonly serviceUs: number
  /** Between an answer and the next question, in microseconds: the mean, exponential. */
  readonly thinkUs: number
}

export type Traffic = OpenTraffic | TcpTraffic | RequestTraffic

/** A model, complete. */
export interface Model {
  readonly name: string
  readonly depth: Depth
  readonly architecture: ArchitectureName
  readonly device: DeviceName
  readonly place: Place
  readonly generation: Generation
  /** Cycles in place of those of the tables, by the names of steps. */
  readonly costs: Readonly<Record<string, number>>
  readonly host: Host
  /** The processor of the driver domain, the first of several. */
  readonly driverCore: number
  /** Threads of the driver domain, a processor each. They share no VM; each has a queue of every NIC. */
  readonly driverThreads: number
  readonly policy: PolicyConfig
  readonly budget: number
  readonly nics: readonly Nic[]
  readonly vms: readonly Vm[]
  readonly traffic: readonly Traffic[]
  /** Measured time and what passes before it, in milliseconds. */
  readonly measureMs: number
  readonly warmUpMs: number
}

export const HOST_DEFAULTS: Host = {
  cores: 2,
  ghz: 2.6,
  scheduler: 'fair',
  llcMb: 0,
  missCyclesPerByte: 0.5,
  wakeUs: 5,
  othersPerS: 0,
  othersUs: 1000,
}
export const NIC_DEFAULTS: Omit<Nic, 'name'> = {
  gbps: 10,
  queues: 1,
  ringFrames: 1024,
  moderationUs: 10,
  wireUs: 10,
}
export const VM_DEFAULTS: Omit<Vm, 'name'> = {
  targetUs: 500,
  weight: 1,
  cap: 0,
  cores: [],
  ringFrames: 256,
  queueFrames: 1000,
  spinUs: 0,
  workingSetMb: 2,
  computes: 0,
}
export const OPEN_DEFAULTS: Omit<OpenTraffic, 'label' | 'from' | 'to' | 'rateFps'> = {
  kind: 'open',
  frameBytes: 64,
  arrivals: { kind: 'poisson' },
  urgentShare: 0,
}
export const TCP_DEFAULTS: Omit<TcpTraffic, 'label' | 'from' | 'to'> = {
  kind: 'tcp',
  connections: 1,
  windowBytes: 256 * 1024,
  segmentBytes: 1448,
  offloadBytes: 1448,
  ackEvery: 2,
  loss: 0,
}
export const REQUEST_DEFAULTS: Omit<RequestTraffic, 'label' | 'from' | 'to'> = {
  kind: 'requests',
  connections: 1,
  requestBytes: 64,
  answerBytes: 64,
  serviceUs: 0,
  thinkUs: 0,
}
export const MODEL_DEFAULTS: Omit<Model, 'name' | 'nics' | 'vms' | 'traffic'> = {
  depth: 'counts',
  architecture: 'ringferry',
  device: 'paravirtual',
  place: 'guest',
  generation: 'today',
  costs: {},
  host: HOST_DEFAULTS,
  driverCore: 0,
  driverThreads: 1,
  policy: { name: 'natural' },
  budget: 0.8,
  measureMs: 200,
  warmUpMs: 50,
}
