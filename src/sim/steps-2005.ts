/**
 * Costs on the founding document's machine (2.4 GHz, four gigabit NICs). Its Figure 2 gives five sums, of which that of
 * native transmission is only a bound: cycles a segment of 1448 bytes, acknowledgements included. How they divide is assumed:
 *
 *   native RX 11,085   driver domain RX 15,996   guest RX 33,904   guest TX 37,069   native TX, driver domain TX <= 7,394
 *
 * so nothing but these sums may be concluded from one of the figures. Type-I and Type-II follow from the document's sentences:
 * a Type-I VMM does not switch to a driver domain and leaves the packet in one address space; a hosted VMM does both.
 */
import type { Step, Tables } from './step.js'

const PUBLISHED = 'assumed: divides the sum of Figure 2'
const ASSUMED = 'assumed'

type Way = Step['way']
const step = (
  at: Step['at'],
  way: Way,
  per: Step['per'],
  [kind, name, cycles]: readonly [Step['kind'], string, number],
  source = PUBLISHED,
): Step => ({ name, kind, at, way, per, cycles, source })

/** The operating system above a NIC or a virtual one. */
const stack: readonly Step[] = [
  step('guest', 'toVm', 'frame', ['stack', 'stack receive', 2400]),
  step('guest', 'fromVm', 'frame', ['stack', 'stack transmit', 1700]),
  step('guest', 'toVm', 'byte', ['copy', 'copy to the program', 3.9]),
  step('guest', 'fromVm', 'byte', ['copy', 'copy from the program', 0.6]),
]
const nicDriver = (at: Step['at']): readonly Step[] => [
  step(at, 'toVm', 'nic', ['driver', 'NIC driver receive', 1300]),
  step(at, 'fromVm', 'nic', ['driver', 'NIC driver transmit', 900]),
  step(at, 'toVm', 'interrupt', ['notification', 'NIC interrupt', 2400], ASSUMED),
]
const native = [...nicDriver('guest'), ...stack]

/** An operating system on a hypervisor: page tables, interrupts and the cold caches that they leave. */
const onHypervisor = (at: Step['at']): readonly Step[] => [
  step(at, 'toVm', 'frame', ['trap', 'hypervisor receive', 900]),
  step(at, 'fromVm', 'frame', ['trap', 'hypervisor transmit', 300]),
  step(at, 'toVm', 'byte', ['copy', 'colder caches', 2.55]),
]
/** An interrupt of a NIC, or a call of a driver domain, that the hypervisor hands on. */
const virtualInterrupt = (per: Step['per']): Step =>
  step('guest', 'toVm', per, ['notification', 'virtual interrupt', 2000], ASSUMED)
const toGuest = (name: string, cycles: number, kind: Step['kind'], source = PUBLISHED): Step =>
  step('driver', 'toVm', 'frame', [kind, name, cycles], source)
const fromGuest = (name: string, cycles: number, kind: Step['kind'], source = PUBLISHED): Step =>
  step('driver', 'fromVm', 'frame', [kind, name, cycles], source)
const bridge = [toGuest('bridge', 1800, 'bridge'), fromGuest('bridge', 1800, 'bridge')]
const switching = (cycles: number): Step =>
  step('driver', 'both', 'switch', ['switch', 'domain switch', cycles], ASSUMED)

/** Emulated registers: a trap each, and in a hosted VMM a change to the host for each. Accesses a frame: assumed. */
const registers = (name: string, cycles: number): readonly Step[] => [
  step('guest', 'fromVm', 'frame', ['trap', `${name}, transmit`, cycles], ASSUMED),
  step('guest', 'toVm', 'frame', ['trap', `${name}, receive`, cycles], ASSUMED),
  step('guest', 'toVm', 'call', ['trap', `${name}, interrupt`, 2 * cycles], ASSUMED),
]
const rings = [
  step('guest', 'toVm', 'frame', ['driver', 'frontend receive', 1500]),
  step('guest', 'fromVm', 'frame', ['driver', 'frontend transmit', 1500]),
]
const notifications = [
  step('driver', 'toVm', 'call', ['notification', 'call', 1500], ASSUMED),
  step('guest', 'fromVm', 'kick', ['notification', 'kick', 1500], ASSUMED),
]

export const SEED_MACHINE: Tables = {
  native,
  beside: {
    xen: [...onHypervisor('guest'), virtualInterrupt('interrupt')],
    'type-1': [],
    'type-2': [],
    ringferry: [],
  },
  guest: [...stack, ...onHypervisor('guest'), virtualInterrupt('call')],
  backend: {
    xen: [
      ...nicDriver('driver'),
      ...bridge,
      ...notifications,
      switching(3000),
      toGuest('netback receive', 1500, 'driver'),
      fromGuest('netback transmit', 4300, 'driver'),
      toGuest('grant, page to the guest', 3300, 'grant'),
      fromGuest('grant, page from the guest', 14600, 'grant'),
      step('driver', 'fromVm', 'byte', ['copy', 'copy through the channel', 2.5]),
    ],
    'type-1': [
      ...nicDriver('driver'),
      ...bridge,
      ...notifications,
      switching(800),
      step('driver', 'both', 'byte', ['copy', 'copy in the hypervisor', 1], ASSUMED),
    ],
    'type-2': [
      ...nicDriver('driver'),
      ...bridge,
      ...notifications,
      switching(6000),
      toGuest('host TAP read', 3000, 'driver', ASSUMED),
      fromGuest('host TAP write', 3000, 'driver', ASSUMED),
      step('driver', 'both', 'byte', ['copy', 'copies of host and VMM', 2.5], ASSUMED),
    ],
    ringferry: [
      ...nicDriver('driver'),
      ...notifications,
      switching(3000),
      toGuest('bridge and ring', 600, 'bridge', ASSUMED),
      fromGuest('bridge and ring', 600, 'bridge', ASSUMED),
      step('driver', 'both', 'byte', ['copy', 'one copy', 1], ASSUMED),
      step('driver', 'both', 'wake', ['driver', 'wake-up', 2000]),
      step('driver', 'both', 'poll', ['driver', 'poll', 600], ASSUMED),
    ],
  },
  device: {
    xen: { paravirtual: rings, full: registers('register', 12000) },
    'type-1': { paravirtual: rings, full: registers('register', 4000) },
    'type-2': { paravirtual: rings, full: registers('register', 12000) },
    ringferry: { paravirtual: rings, full: registers('register', 12000) },
  },
  direct: [virtualInterrupt('interrupt')],
}
