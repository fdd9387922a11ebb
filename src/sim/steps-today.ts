/**
 * Costs on a machine of today (2.6 GHz). Those of this project's own plane follow from what docs/measurements.md measured
 * (64 bytes: 57 ns a frame; 1500 bytes: 170 ns) and from system calls timed on the same machine. What Xen's driver domain does for
 * a frame was counted in instructions, each taken for a cycle. All others are assumed.
 */
import type { Step, Tables } from './step.js'

const ASSUMED = 'assumed'
const MEASURED = 'docs/measurements.md: bench:pps, one pair, 64 and 1500 bytes'
const COUNTED =
  'docs/reports/xen: instructions of a driver domain with netback and bridge, 64 bytes from guest to guest, its events and grants included'
const CALL = 'measured on the machine of docs/measurements.md: write(eventfd) 515 ns'

const step = (
  at: Step['at'],
  way: Step['way'],
  per: Step['per'],
  [kind, name, cycles]: readonly [Step['kind'], string, number],
  source = ASSUMED,
): Step => ({ name, kind, at, way, per, cycles, source })

const stack: readonly Step[] = [
  step('guest', 'toVm', 'frame', ['stack', 'stack receive', 2000]),
  step('guest', 'fromVm', 'frame', ['stack', 'stack transmit', 1500]),
  step('guest', 'toVm', 'byte', ['copy', 'copy to the program', 0.3]),
  step('guest', 'fromVm', 'byte', ['copy', 'copy from the program', 0.3]),
]
const nicDriver = (at: Step['at']): readonly Step[] => [
  step(at, 'toVm', 'nic', ['driver', 'NIC driver receive', 300]),
  step(at, 'fromVm', 'nic', ['driver', 'NIC driver transmit', 250]),
  step(at, 'toVm', 'interrupt', ['notification', 'NIC interrupt', 2500]),
]
const native = [...nicDriver('guest'), ...stack]
const backend = (ways: {
  readonly frame: number
  readonly byte: number
  readonly publication: number
  readonly switching: number
  /** Of the figure for a frame. */
  readonly source?: string
}): readonly Step[] => [
  ...nicDriver('driver'),
  step('driver', 'both', 'frame', ['bridge', 'bridge and channel', ways.frame], ways.source),
  step('driver', 'both', 'byte', ['copy', 'copy through the channel', ways.byte]),
  step('driver', 'toVm', 'publication', ['notification', 'publication', ways.publication]),
  step('driver', 'toVm', 'call', ['notification', 'call', 1340], CALL),
  step('guest', 'fromVm', 'kick', ['notification', 'kick', 2600]),
  step('driver', 'both', 'switch', ['switch', 'domain switch', ways.switching]),
]
const registers = (cycles: number): readonly Step[] => [
  step('guest', 'fromVm', 'frame', ['trap', 'register, transmit', cycles]),
  step('guest', 'toVm', 'frame', ['trap', 'register, receive', cycles]),
  step('guest', 'toVm', 'call', ['trap', 'register, interrupt', 2 * cycles]),
]
const rings: readonly Step[] = [
  step('guest', 'both', 'frame', ['driver', 'virtual NIC', 300]),
  step('guest', 'toVm', 'call', ['notification', 'virtual interrupt', 4000]),
]

export const TODAY: Tables = {
  native,
  beside: {
    xen: [step('guest', 'toVm', 'interrupt', ['notification', 'virtual interrupt', 2500])],
    'type-1': [],
    'type-2': [],
    ringferry: [],
  },
  guest: stack,
  backend: {
    xen: backend({ frame: 8200, byte: 0.3, publication: 500, switching: 3000, source: COUNTED }),
    'type-1': backend({ frame: 900, byte: 0.2, publication: 300, switching: 1500 }),
    'type-2': backend({ frame: 2500, byte: 0.5, publication: 500, switching: 4000 }),
    ringferry: [
      ...nicDriver('driver'),
      step('driver', 'both', 'frame', ['bridge', 'plane, frame', 140], MEASURED),
      step('driver', 'both', 'byte', ['copy', 'plane, byte', 0.2], MEASURED),
      step('driver', 'both', 'wake', ['driver', 'wake-up', 2000]),
      step('driver', 'both', 'poll', ['driver', 'plane, poll', 150]),
      step('driver', 'toVm', 'publication', ['notification', 'publication', 200]),
      step('driver', 'toVm', 'call', ['notification', 'call', 1340], CALL),
      step('guest', 'fromVm', 'kick', ['notification', 'kick', 2600]),
      step('driver', 'both', 'switch', ['switch', 'domain switch', 2600]),
    ],
  },
  device: {
    xen: { paravirtual: rings, full: registers(5000) },
    'type-1': { paravirtual: rings, full: registers(2500) },
    'type-2': { paravirtual: rings, full: registers(8000) },
    ringferry: { paravirtual: rings, full: registers(8000) },
  },
  direct: [step('guest', 'toVm', 'interrupt', ['notification', 'virtual interrupt', 1000])],
}
