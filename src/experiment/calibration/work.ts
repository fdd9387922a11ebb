/** What a measurement says that was done, and the processor time that it took: the rows of a fit. */
import type { VmKind } from '../../lab/bed/bed.js'
import type { Measurement } from '../../lab/record/record.js'
import type { Cell } from '../../lab/study/cell.js'

/** Processor time in nanoseconds, and how often each thing was done that it went to. */
export interface Row {
  readonly cell: string
  readonly usedNs: number
  readonly counts: readonly number[]
}

/** What the engine's time goes to, in the order of `Row.counts`, with the steps of the simulator. */
export const ENGINE_STEPS = [
  'wake-up',
  'plane, poll',
  'publication',
  'call',
  'plane, frame',
  'plane, byte',
] as const
/** The same of a guest. */
export const GUEST_STEPS = [
  'virtual interrupt',
  'stack receive',
  'copy to the program',
  'stack transmit',
  'copy from the program',
] as const

type Counts = Readonly<Record<string, number>>

/** What a measurement has beside its schema: written by the lab since it counts batches and spinning. */
interface Counted {
  readonly engine?: { readonly spunS: number; readonly wakes: number }
  readonly counted?: Readonly<Record<string, Counts>>
}

const NS = 1e9

/** What the ports of the VMs counted together; one VM: its own. */
export function countsOf({ switch: made }: Measurement, vm?: string): (name: string) => number {
  const { counted = {} } = made as Counted
  const ports = Object.entries(counted).filter(
    ([port]) => vm === undefined || port === vm || port.startsWith(`${vm}.`),
  )
  return (name) => ports.reduce((sum, [, counts]) => sum + (counts[name] ?? 0), 0)
}

/** The engine's row; undefined: the record does not tell work from spinning. */
export function engineRow(measurement: Measurement): Row | undefined {
  const { engine, counted } = measurement.switch as Counted
  if (!engine || !counted) return undefined
  const count = countsOf(measurement)
  return {
    cell: measurement.cell,
    usedNs: (measurement.cpu.driverDomain - engine.spunS) * NS,
    counts: [
      engine.wakes,
      ...['fromVmBursts', 'publications', 'calls', 'fromVmFrames', 'fromVmBytes'].map(count),
    ],
  }
}

/**
 * VMs of a cell whose processor time is work alone: those with a kernel where there are any, else those that generate nothing.
 * Generators poll their rings for a while before they sleep.
 */
export function workingVms({ uses, bed }: Cell): string[] {
  const kernels = bed.vms.filter(({ kind }) => kind !== 'embedded').map(({ name }) => name)
  if (kernels.length > 0) return kernels
  const generators = uses.flatMap(({ run, vm, peer, settings }) => {
    if (run !== 'frames' && run !== 'rfc2544') return []
    return settings.direction === 'from_vm' ? [vm] : peer === undefined ? [] : [peer]
  })
  return bed.vms.map(({ name }) => name).filter((name) => !generators.includes(name))
}

/** The kinds of those. */
export function receiverKinds(cell: Cell): VmKind[] {
  const working = workingVms(cell)
  return cell.bed.vms.flatMap(({ name, kind }) => (working.includes(name) ? [kind] : []))
}

/** A kernel asks for an address now and then: less than this share of its frames is no traffic, and no cost is fitted to it. */
const LEAST_SHARE = 0.01

/** A row for each VM that has carried something. */
export function guestRows(measurement: Measurement, cell: Cell): Row[] {
  return workingVms(cell).flatMap((vm): Row[] => {
    const count = countsOf(measurement, vm)
    const usedNs = (measurement.cpu.guests[vm] ?? 0) * NS
    const frames = count('toVmFrames') + count('fromVmFrames')
    if (usedNs <= 0 || frames === 0) return []
    const ways = (['toVm', 'fromVm'] as const).flatMap((way) =>
      count(`${way}Frames`) < LEAST_SHARE * frames ? [0, 0] : [count(`${way}Frames`), count(`${way}Bytes`)],
    )
    return [{ cell: measurement.cell, usedNs, counts: [count('calls'), ...ways] }]
  })
}

/** Of a processor, switch and receivers together: above, delays tell of queues and of turns. */
const LIGHT_CPU = 0.5

/** Whether switch and receivers leave their processors idle for half of the time. */
export const isLight = (measured: {
  readonly cell: Cell
  readonly measurements: readonly Measurement[]
}): boolean =>
  measured.measurements.every(({ metrics, cpu }) => {
    const working = workingVms(measured.cell).reduce((sum, name) => sum + (cpu.guests[name] ?? 0), 0)
    return (metrics.driverWorkCpu ?? 1) + working / cpu.seconds < LIGHT_CPU
  })
