/**
 * The steps of every architecture between a program and the wire, with what each costs in cycles and where that is from.
 *
 *   native      wire -> NIC driver -> stack -> program
 *   type-1      wire -> [hypervisor: NIC driver, bridge, copy] -> virtual NIC -> stack -> program
 *   type-2      wire -> [host: NIC driver, bridge] -> [VMM process: copy, world switch] -> virtual NIC -> stack -> program
 *   xen         wire -> [driver domain: NIC driver, bridge, netback, grants] -> netfront -> stack -> program
 *   ringferry   wire -> [host thread: NIC ring, bridge, one copy, publication] -> virtio -> stack -> program
 *   direct      wire -> NIC's own function -> stack -> program (the hypervisor forwards interrupts)
 */
import type { Generation, Model } from './model.js'
import type { Step, Tables } from './step.js'
import { SEED_MACHINE } from './steps-2005.js'
import { TODAY } from './steps-today.js'

const TABLES: Readonly<Record<Generation, Tables>> = { '2005': SEED_MACHINE, today: TODAY }

/** The steps of a model between a program and the wire. */
export function stepsOf({
  architecture,
  device,
  place,
  generation,
}: Pick<Model, 'architecture' | 'device' | 'place' | 'generation'>): readonly Step[] {
  const tables = TABLES[generation]
  if (place === 'native' || architecture === 'native') return tables.native
  if (place === 'driver') return [...tables.native, ...tables.beside[architecture]]
  if (device === 'direct') return [...tables.native, ...tables.direct]
  return [...tables.backend[architecture], ...tables.guest, ...tables.device[architecture][device]]
}
