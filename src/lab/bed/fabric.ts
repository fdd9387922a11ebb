/** What every make of switch offers a bed: places for NICs, and what can be known of them. */
import type { NicSpec } from '../guest/spec.js'
import type { BedSpec, EngineTime, PortCount } from './bed.js'
import type { NicPlan, VmPlan } from './plan.js'
import type { Undo } from './undo.js'

/** How a VM's NIC hangs on the switch: part of its guest's description. */
export type NicLink = Pick<NicSpec, 'transport' | 'offloads' | 'virtio'>

export interface FabricContext {
  /** Private folder of the bed for sockets and files. */
  readonly folder: string
  /** Letters of the bed in device names. */
  readonly tag: string
  readonly undo: Undo
  /** The switch died by itself. */
  readonly fail: (error: Error) => void
}

export interface Fabric {
  /** Makes a place for a NIC. Everything but `embedded`. */
  link(vm: VmPlan, nic: NicPlan): Promise<NicLink>
  /** Waits until every place carries frames; after the guests have booted. */
  settled?(): Promise<void>
  /** What the switch counted for a NIC. Empty when it cannot know. */
  counts(vm: VmPlan, nic: NicPlan): PortCount
  /** Processor seconds of the switch so far. */
  cpuSeconds(): number
  /** What the switch's thread did with its time; only Ringferry knows. */
  engineTime?(): EngineTime
  /** Opens a port on one end of a vhost-user socket pair, which it owns then. Only Ringferry can. */
  embed?(vm: VmPlan, nic: NicPlan, fd: number): Promise<void>
  /** Closes such a port; its counts stay. */
  unembed?(nic: NicPlan): Promise<void>
  /** Makes the switch fit a spec that differs in settings of the switch and its ports only. */
  reshape(spec: BedSpec): Promise<boolean>
  describe(): Promise<Record<string, unknown>>
}
