/**
 * The order of a round: a pure function of seed and round, so that a resumed run goes on as it would have gone.
 * Beds are shuffled, then the specs that one bed can be made to fit, then the cells of a spec.
 *
 *     seed, round -> [ bed 2: [spec b: cells 5 4] [spec a: cells 1 3 2] ] [ bed 1: ... ]
 */
import { type Random, seededRandom } from '../../stats/random.js'
import type { BedSpec } from '../bed/bed.js'
import { isXenBed } from '../bed/xen-plan.js'
import { type Cell, canonicalJson } from '../study/cell.js'

/** One measurement to be made. */
export interface Turn {
  readonly cell: Cell
  /** The second of an A/A pair. */
  readonly twin: boolean
}

/**
 * Equal for beds that differ only in what can be changed while guests run: policy, budget, targets, limits; of Xen's, whose
 * guests have a NIC on either, also which switch it is.
 */
export function bootKey(bed: BedSpec): string {
  const { xen, vms } = bed
  const kind = isXenBed(bed) ? 'any of Xen' : bed.switch.kind
  const fixed = vms.map(({ targetUs: _, weight: __, limitMbps: ___, ...vm }) => vm)
  return canonicalJson({ kind, xen, vms: fixed })
}

/** Equal for equal beds. */
export function specKey(bed: BedSpec): string {
  return canonicalJson(bed)
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = result[i] as T
    result[i] = result[j] as T
    result[j] = held
  }
  return result
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return [...groups.values()]
}

/** A number of its own for each round of a seed. */
export function roundSeed(seed: number, round: number): number {
  return Math.imul(seed ^ 0x5bd1e995, 0x27d4eb2f) + Math.imul(round + 1, 0x165667b1)
}

/** The turns of a round, bed by bed. All cells of the plan take part, so that the order does not depend on what is done. */
export function roundOrder(cells: readonly Cell[], seed: number, round: number): Turn[][] {
  const random = seededRandom(roundSeed(seed, round))
  const turns = cells.flatMap((cell): Turn[] => [
    { cell, twin: false },
    ...(cell.aa ? [{ cell, twin: true }] : []),
  ])
  const beds = shuffled(
    grouped(turns, ({ cell }) => bootKey(cell.bed)),
    random,
  )
  return beds.map((bed) => {
    const specs = shuffled(
      grouped(bed, ({ cell }) => specKey(cell.bed)),
      random,
    )
    return specs.flatMap((spec) => shuffled(spec, random))
  })
}
