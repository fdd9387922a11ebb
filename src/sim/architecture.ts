/** What an architecture costs: its steps (steps.ts) summed by thread, way and what they are done for. */
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import type { Model } from './model.js'
import { PER, type Per, type Step } from './step.js'
import { stepsOf } from './steps.js'

/** Cycles of one thread on one way. */
export type WayCosts = Readonly<Record<Per, number>>

/** To a VM, from one, or from one VM to another. */
export type Way = 'toVm' | 'fromVm' | 'across'

/** All that the simulator knows of an architecture. */
export interface Costs {
  readonly guest: Readonly<Record<Way, WayCosts>>
  readonly driver: Readonly<Record<Way, WayCosts>>
  /** From one thread of a processor to another. */
  readonly switchCycles: number
  /** Whether frames pass a driver domain, host or hypervisor. */
  readonly hasDriverDomain: boolean
}

/** Cycles of a frame and of each of its bytes. */
export interface FrameCycles {
  readonly frame: number
  readonly byte: number
}

/** What a frame costs on a way. @param missCycles beside, of each byte; @param hasNic whether the NIC's driver is part of it */
export function frameCycles(
  { frame, byte, nic }: WayCosts,
  missCycles: number,
  hasNic: boolean,
): FrameCycles {
  return { frame: frame + (hasNic ? nic : 0), byte: byte + missCycles }
}

/** A step that is done both ways is done once for a frame from one VM to another. */
function sum(steps: readonly Step[], at: Step['at'], way: Way): WayCosts {
  const isOn = (step: Step): boolean => way === 'across' || step.way === 'both' || step.way === way
  const of = (per: Per): number =>
    steps
      .filter((step) => step.at === at && step.per === per && isOn(step))
      .reduce((cycles, step) => cycles + step.cycles, 0)
  return Object.fromEntries(PER.map((per) => [per, of(per)])) as Record<Per, number>
}

/** The costs of a model: those of the tables, with those that it sets itself. Throws CONFIG for a step that is none. */
export function costsOf(model: Model): Costs {
  const { architecture, costs } = model
  const table = stepsOf(model)
  const names = [...new Set(table.map(({ name }) => name))]
  for (const [name, cycles] of Object.entries(costs)) {
    if (!names.includes(name))
      throw new RingferryError(
        'CONFIG',
        `costs: there is no step "${name}"${didYouMean(name, names)}; ${architecture} has: ${names.join(', ')}`,
      )
    if (!(cycles >= 0 && Number.isFinite(cycles)))
      throw new RingferryError('CONFIG', `costs: "${name}" is ${cycles}; cycles are 0 or more`)
  }
  const steps = table.map((step) => ({ ...step, cycles: costs[step.name] ?? step.cycles }))
  const ways = (at: Step['at']) => ({
    toVm: sum(steps, at, 'toVm'),
    fromVm: sum(steps, at, 'fromVm'),
    across: sum(steps, at, 'across'),
  })
  const driver = ways('driver')
  return {
    guest: ways('guest'),
    driver,
    switchCycles: driver.across.switch,
    hasDriverDomain: steps.some(({ at, per }) => at === 'driver' && per !== 'switch'),
  }
}
