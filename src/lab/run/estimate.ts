/** How long a run will take: from what its cells took, or before that from what guests usually take to boot. */
import type { VmKind } from '../bed/bed.js'
import { countsOwnTime, isXenBed } from '../bed/xen-plan.js'
import { WARM_UPS } from '../bed/xen-warm-up.js'
import type { Cell, StudyPlan } from '../study/cell.js'
import type { PickValue, RunHistory } from './history.js'
import { bootKey } from './order.js'

const BOOT_S: Readonly<Record<VmKind, number>> = {
  ...{ uml: 3, qemu: 40, netns: 0.5, host: 0.2, embedded: 0.2 },
  // With a share of the machine that all of them are in.
  xen: 47,
}
/** Of a measurement, besides its window: servers, noise check, results. */
const BESIDE_S = 1.5
/** The same where all of it is emulated, on one processor. */
const EMULATED_BESIDE_S = 7
/** And where it counts its own time, which takes longer: a program of a guest that runs for a second runs for several of the host's. */
const COUNTED_BESIDE_S = 20

function windowS(cell: Cell): number {
  return cell.window.warmUpS + cell.window.measureS * cell.windows
}

function besideS({ bed }: Cell): number {
  if (!isXenBed(bed)) return BESIDE_S
  return countsOwnTime(bed) ? COUNTED_BESIDE_S : EMULATED_BESIDE_S
}

function bootsS(cells: readonly Cell[]): number {
  const beds = [...new Map(cells.map((cell) => [bootKey(cell.bed), cell.bed])).values()]
  const guestsS = beds.flatMap(({ vms }) => vms).reduce((sum, { kind }) => sum + BOOT_S[kind], 0)
  return beds.reduce((sum, { xen }) => sum + WARM_UPS * (xen?.warmUpS ?? 0), guestsS)
}

/** Seconds that a round over these cells takes. */
function roundS(cells: readonly Cell[], history: RunHistory | undefined): number {
  const each = cells.map((cell) => {
    const took = history?.seconds(cell.id) ?? []
    const one =
      took.length > 0
        ? took.reduce((sum, seconds) => sum + seconds, 0) / took.length
        : windowS(cell) + besideS(cell)
    return one * (cell.aa ? 2 : 1)
  })
  return each.reduce((sum, seconds) => sum + seconds, bootsS(cells))
}

/** Seconds for a whole study: when every cell is precise after its least rounds, and when none is. */
export function estimateStudy({ cells, rounds }: StudyPlan): {
  readonly leastS: number
  readonly mostS: number
} {
  const able = cells.filter(({ impossible }) => impossible === undefined)
  const once = roundS(able, undefined)
  return { leastS: once * rounds.min, mostS: once * rounds.max }
}

/** Measurements still to come (further rounds not counted before they are due), and the seconds that they take. */
export function estimateLeft(
  plan: StudyPlan,
  history: RunHistory,
  pick: PickValue,
): { readonly turns: number; readonly seconds: number } {
  let turns = 0
  let seconds = 0
  for (let round = 0; round < plan.rounds.max; round++) {
    const missing = (cell: Cell): number =>
      (history.has(cell.id, round, false) ? 0 : 1) + (cell.aa && !history.has(cell.id, round, true) ? 1 : 0)
    const due = plan.cells.filter(
      (cell) =>
        cell.impossible === undefined &&
        missing(cell) > 0 &&
        (round < plan.rounds.min || history.before(cell.id, round).length === round) &&
        history.wants(cell, round, plan.rounds, pick),
    )
    turns += due.reduce((sum, cell) => sum + missing(cell), 0)
    if (due.length > 0) seconds += roundS(due, history)
  }
  return { turns, seconds }
}
