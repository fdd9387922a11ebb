/**
 * A thread of the driver domain with all that it serves: tables, rings, settings and controller of its own. Several share
 * nothing, as several switches on one machine do: VM i belongs to thread i modulo their number, and each thread has one
 * queue of every NIC, into which the NIC puts the frames for its VMs. Ports keep the numbers that they have in the machine.
 */
import { TuningSettings } from '../control/tuning-settings.js'
import { GRANULE_BYTES } from '../core/layout.js'
import { LinearMemory, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import { instantiatePlane } from '../core/plane.js'
import { RingferryError } from '../errors/errors.js'
import { CountedRings } from './counted-rings.js'
import { DriverDomain, type DriverDomainParts } from './driver-domain.js'
import type { Frames } from './frames.js'
import type { Model } from './model.js'
import { PlaneRings, portMemoryBytes } from './plane-rings.js'
import type { DepthOfRings } from './rings.js'

/** Which thread serves a VM. @param vm its place in the model */
export const threadOf = (vm: number, { driverThreads }: Pick<Model, 'driverThreads'>): number =>
  vm % driverThreads

/** Places in the model of the VMs that a thread serves. */
function vmsOf(thread: number, model: Model): number[] {
  return [...model.vms.keys()].filter((at) => threadOf(at, model) === thread)
}

/** Real rings need memory of guests beside the plane's tables. */
function memoryBytes({ depth, nics, vms }: Model, mine: readonly number[]): number {
  if (depth === 'counts') return MIN_MEMORY_BYTES
  const ports = [...nics, ...mine.map((at) => vms[at]!)]
  const bytesOfPorts = ports.reduce((sum, { ringFrames }) => sum + portMemoryBytes(ringFrames), 0)
  const bytes = MIN_MEMORY_BYTES + Math.ceil(bytesOfPorts / GRANULE_BYTES) * GRANULE_BYTES
  if (bytes > MAX_MEMORY_BYTES)
    throw new RingferryError('CONFIG', 'depth: rings has no memory for so many rings; take depth: counts')
  return bytes
}

/** What a thread shares with the machine. */
export type BackendParts = Pick<
  DriverDomainParts,
  'events' | 'processors' | 'frames' | 'costs' | 'missCycles' | 'onCall' | 'onShown' | 'onTaken'
>

export class Backend {
  readonly memory: LinearMemory
  readonly settings: TuningSettings
  readonly rings: DepthOfRings
  /** There once it was started. */
  driver!: DriverDomain
  readonly #thread: number
  readonly #model: Model

  /** @param plane compiled from plane.wasm */
  constructor(thread: number, model: Model, plane: WebAssembly.Module, frames: Frames) {
    this.#thread = thread
    this.#model = model
    const { nics, vms } = model
    const mine = vmsOf(thread, model)
    this.settings = new TuningSettings({ policy: model.policy, budget: model.budget })
    this.memory = new LinearMemory(memoryBytes(model, mine))
    this.rings = this.#makeRings(model, plane, frames)
    for (const [at, { ringFrames }] of nics.entries()) this.rings.add(at, ringFrames, false)
    for (const at of mine) this.rings.add(nics.length + at, vms[at]!.ringFrames, true)
    this.rings.start()
  }

  /** Its thread begins. */
  start(parts: BackendParts): void {
    const { nics, vms, host, driverCore, driverThreads } = this.#model
    const mine = vmsOf(this.#thread, this.#model)
    const ports = mine.map((at) => nics.length + at)
    for (const at of mine) {
      const { targetUs, weight } = vms[at]!
      this.settings.setTarget(nics.length + at, { targetUs, weight })
    }
    this.settings.setControlled(ports, 0)
    const { limits } = this.settings
    if (limits) for (const port of ports) this.rings.setLimits(port, limits)
    const { events, processors, frames, costs, missCycles, onCall, onShown, onTaken } = parts
    // Field by field: objects that are spread have another shape in each run, and what V8 compiled for one run is void in the next.
    this.driver = new DriverDomain({
      events,
      processors,
      frames,
      costs,
      missCycles,
      onCall,
      onShown,
      onTaken,
      rings: this.rings,
      memory: this.memory,
      settings: this.settings,
      name: driverThreads === 1 ? 'driver domain' : `driver domain ${this.#thread}`,
      core: driverCore + this.#thread,
      isShared: mine.some((at) => vms[at]!.cores.includes(driverCore + this.#thread)),
      ghz: host.ghz,
      ports: [...nics.keys(), ...ports],
      isNic: (port) => port < nics.length,
    })
    for (const at of mine) this.driver.order.weights[nics.length + at] = vms[at]!.weight
  }

  #makeRings({ depth }: Model, plane: WebAssembly.Module, frames: Frames): DepthOfRings {
    const instance = instantiatePlane(this.memory, plane)
    return depth === 'rings'
      ? new PlaneRings(this.memory, instance, frames)
      : new CountedRings(this.memory, instance, frames)
  }
}
