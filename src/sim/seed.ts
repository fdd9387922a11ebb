/** The founding document's Figure 2 as models: four gigabit NICs, a TCP connection on each, one processor of 2.4 GHz. */
import {
  type ArchitectureName,
  type DeviceName,
  HOST_DEFAULTS,
  MODEL_DEFAULTS,
  type Model,
  NIC_DEFAULTS,
  type Place,
  TCP_DEFAULTS,
  VM_DEFAULTS,
} from './model.js'

/** Published, in Mb/s, by architecture, place and direction; those that are not there were not published. */
export const PUBLISHED_MBPS: Readonly<Record<string, number>> = {
  'native native transmit': 3760,
  'native native receive': 2508,
  'xen driver transmit': 3760,
  'xen driver receive': 1738,
  'xen guest transmit': 750,
  'xen guest receive': 820,
}

/** One bar of the figure. */
export interface SeedCase {
  readonly architecture: ArchitectureName
  readonly device: DeviceName
  readonly place: Place
  readonly direction: 'transmit' | 'receive'
}

/** "xen guest transmit": what it is called in PUBLISHED_MBPS. */
export const seedCaseName = ({ architecture, device, place, direction }: SeedCase): string =>
  `${architecture}${device === 'paravirtual' || place !== 'guest' ? '' : ` ${device}`} ${place} ${direction}`

const NICS = 4
/** 64 KB, the largest window without scaling. */
const WINDOW_BYTES = 64 * 1024

/** The model of one bar. */
export function seedModel(one: SeedCase): Model {
  const { architecture, device, place, direction } = one
  const nics = Array.from({ length: NICS }, (_, at) => ({
    ...NIC_DEFAULTS,
    ...{ name: `eth${at}`, gbps: 1, ringFrames: 256, moderationUs: 100, wireUs: 20 },
  }))
  const vm = { ...VM_DEFAULTS, name: 'vm', cores: [0] }
  return {
    ...MODEL_DEFAULTS,
    ...{ name: seedCaseName(one), architecture, device, place, generation: '2005' },
    host: { ...HOST_DEFAULTS, cores: 1, ghz: 2.4, scheduler: 'credit', wakeUs: 1 },
    nics,
    vms: [vm],
    traffic: nics.map(({ name }) => ({
      ...TCP_DEFAULTS,
      label: name,
      from: direction === 'transmit' ? vm.name : name,
      to: direction === 'transmit' ? name : vm.name,
      windowBytes: WINDOW_BYTES,
    })),
    warmUpMs: 100,
    measureMs: 300,
  }
}

/** All bars: the published ones first. */
export function seedCases(): SeedCase[] {
  const pv = (architecture: ArchitectureName, place: Place) => ({
    architecture,
    place,
    device: 'paravirtual' as const,
  })
  const columns: Omit<SeedCase, 'direction'>[] = [
    pv('native', 'native'),
    pv('xen', 'driver'),
    pv('xen', 'guest'),
    pv('type-1', 'guest'),
    { architecture: 'type-1', place: 'guest', device: 'full' },
    pv('type-2', 'guest'),
    { architecture: 'type-2', place: 'guest', device: 'full' },
    pv('ringferry', 'guest'),
    { architecture: 'xen', place: 'guest', device: 'direct' },
  ]
  return columns.flatMap((column) =>
    (['transmit', 'receive'] as const).map((direction) => ({ ...column, direction })),
  )
}
