/** Placements by a run of the lab's study "colocation": predicted by its rounds but the last, measured in the last. */
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { interference } from '../lab/analysis/interference.js'
import { cellsWhere, type RunCell, runData } from '../lab/analysis/run-cells.js'
import { readRun } from '../lab/run/store.js'
import { mean } from '../stats/summary.js'
import { type Kept, type Placement, place, shareKept } from './placement.js'

export interface PlacementQuestion {
  /** How many VMs have which load; empty: one of each. */
  readonly loads: ReadonlyMap<string, number>
  readonly perHost: number
  readonly seed: number
}

/** A mean share of performance alone: by the rounds that the choice rests on, and in the round that it has not seen. */
export interface Share {
  readonly predicted: number
  /** Null for a run of one round. */
  readonly measured: number | null
}

export interface PlacementAnswer {
  readonly run: string
  readonly hosts: readonly (readonly string[])[]
  readonly worstHosts: readonly (readonly string[])[]
  readonly best: Share
  readonly random: Share
  readonly worst: Share
  readonly rounds: number
  /** Whether a host has more VMs than were ever measured together. */
  readonly isExtrapolated: boolean
}

const MOST_VMS = 64
const MEASURED_TOGETHER = 2

/** `kept` of the interference matrix over these rounds, by the number of the load. */
function keptOf(
  cells: readonly RunCell[],
  loads: readonly string[],
  isWanted: (round: number) => boolean,
): Kept {
  const chosen = cells.map((cell) => ({
    ...cell,
    measurements: cell.measurements.filter(({ round }) => isWanted(round)),
  }))
  const { victims, aggressors, kept } = interference(chosen)
  return loads.map((victim) => {
    const row = victims.findIndex(({ load }) => load === victim)
    return loads.map((aggressor) => kept[row]?.[aggressors.indexOf(aggressor)]?.value ?? Number.NaN)
  })
}

/** Throws NOT_FOUND, CONFIG, PERMISSION for the run and USAGE for loads that it does not have. */
export function answerPlacement(
  folder: string,
  { loads, perHost, seed }: PlacementQuestion,
): PlacementAnswer {
  const { header, records } = readRun(folder)
  const all = runData([header, ...records]).cells
  const pairs = all.filter(({ factors }) => factors.victim !== undefined && factors.aggressor !== undefined)
  if (pairs.length === 0)
    throw new RingferryError(
      'CONFIG',
      `${folder}: run of the study "${header.study.name}", which has no pairs of loads; give one of "colocation"`,
    )
  const isolated = cellsWhere(pairs, { isolation: true })
  const cells = isolated.length > 0 ? isolated : pairs
  const known = [...new Set(cells.map(({ factors }) => String(factors.victim)))]
  for (const name of loads.keys())
    if (!known.includes(name))
      throw new RingferryError(
        'USAGE',
        `--load: the run has no load "${name}"${didYouMean(name, known)}; it has: ${known.join(', ')}`,
      )
  const wanted = loads.size > 0 ? loads : new Map(known.map((name) => [name, 1]))
  const vms = [...wanted].flatMap(([name, count]) => Array<number>(count).fill(known.indexOf(name)))
  if (vms.length > MOST_VMS)
    throw new RingferryError('USAGE', `--load: ${vms.length} VMs; at most ${MOST_VMS}`)
  const rounds = [...new Set(cells.flatMap((cell) => cell.measurements.map(({ round }) => round)))].sort(
    (a, b) => a - b,
  )
  const last = rounds.at(-1)
  const isHeldOut = rounds.length > 1
  const seen = keptOf(cells, known, (round) => !isHeldOut || round !== last)
  const unseen = isHeldOut ? keptOf(cells, known, (round) => round === last) : undefined
  const { best, worst, random } = place(vms, perHost, seen, seed)
  const share = (placements: readonly Placement[]): Share => ({
    predicted: mean(placements.map((each) => shareKept(each, seen))),
    measured: unseen ? mean(placements.map((each) => shareKept(each, unseen))) : null,
  })
  const named = (placement: Placement) => placement.map((host) => host.map((load) => known[load]!))
  return {
    run: header.run,
    hosts: named(best),
    worstHosts: named(worst),
    best: share([best]),
    random: share(random),
    worst: share([worst]),
    rounds: rounds.length,
    isExtrapolated: perHost > MEASURED_TOGETHER,
  }
}
