/**
 * The workload-set method: features of every candidate, standardised; groups by k-medoids, their number by silhouette;
 * how much the medoids cover. The method is this project's own.
 */
import { type Coverage, coverage } from '../../stats/coverage.js'
import { euclideanDistances } from '../../stats/k-medoids.js'
import { principalComponents } from '../../stats/principal-components.js'
import { chooseClusters } from '../../stats/silhouette.js'
import { spansDecades, standardise } from '../../stats/standardise.js'
import type { MetricName } from '../record/metrics.js'
import { cellSummary, type RunCell } from './run-cells.js'

export interface Candidate {
  readonly cell: RunCell
  /** By feature, in their order; means over rounds. */
  readonly features: readonly number[]
  readonly cluster: number
  readonly medoid: boolean
  /** Distance to its medoid, in standard deviations. */
  readonly distance: number
  /** Place in the picture: first and second principal component. */
  readonly x: number
  readonly y: number
}

export interface Representatives {
  readonly features: readonly MetricName[]
  /** Taken as logarithms: they span more than a decade. */
  readonly logarithmic: readonly MetricName[]
  /** Equal for all candidates: they tell nothing apart. */
  readonly constant: readonly MetricName[]
  readonly candidates: readonly Candidate[]
  readonly k: number
  readonly silhouettes: readonly { readonly k: number; readonly silhouette: number }[]
  readonly coverage: Coverage
  /** Shares of the variance that the two axes of the picture show. */
  readonly shares: readonly number[]
  /** Measured, but a feature is missing. */
  readonly leftOut: readonly string[]
}

/** Chooses representatives of all cells that have every feature. Undefined for under 3 of them. */
export function representatives(
  cells: readonly RunCell[],
  features: readonly MetricName[],
  maxClusters: number,
): Representatives | undefined {
  const measured = cells.filter(({ measurements }) => measurements.length > 0)
  const rows = measured.flatMap((cell) => {
    const values = features.map((metric) => cellSummary(cell, { metric })?.value)
    return values.every((value) => value !== undefined) ? [{ cell, values: values as number[] }] : []
  })
  if (rows.length < 3) return undefined
  const log = features.map((_, at) => spansDecades(rows.map(({ values }) => values[at]!)))
  const table = standardise(
    rows.map(({ values }) => values),
    log,
  )
  const distances = euclideanDistances(table.rows)
  const { k, clustering, tried } = chooseClusters(distances, maxClusters)
  const plane = principalComponents(table.rows, 2)
  const kept = new Set(rows.map(({ cell }) => cell.id))
  return {
    features,
    logarithmic: features.filter((_, at) => log[at]),
    constant: features.filter((_, at) => table.constant.includes(at)),
    candidates: rows.map(({ cell, values }, at) => ({
      cell,
      features: values,
      cluster: clustering.assignment[at]!,
      medoid: clustering.medoids.includes(at),
      distance: distances[at]![clustering.medoids[clustering.assignment[at]!]!]!,
      x: plane.scores[at]![0]!,
      y: plane.scores[at]![1]!,
    })),
    k,
    silhouettes: tried,
    coverage: coverage(distances, clustering),
    shares: plane.shares,
    leftOut: measured.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
  }
}

/** A load as the study colocation takes it: a workload whose VM and peer are placeholders. */
export interface ChosenLoad {
  readonly run: string
  readonly vm: '$vm'
  readonly peer?: '$peer'
  readonly settings: Readonly<Record<string, unknown>>
}

/** A name out of a cell's factor values: "web-10". */
export function candidateName({ factors, id }: RunCell): string {
  const name = Object.values(factors).join('-').toLowerCase()
  return name.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || id
}

/** The medoids as loads, by name: what chosen.json holds. The first workload of a cell is its load. */
export function chosenLoads({ candidates }: Representatives): Record<string, ChosenLoad> {
  const loads = candidates
    .filter(({ medoid }) => medoid)
    .flatMap(({ cell }) => {
      const [run] = cell.measurements[0]?.workloads ?? []
      if (!run) return []
      const peer = run.peer === undefined ? {} : { peer: '$peer' as const }
      return [
        [
          candidateName(cell),
          { run: run.workload, vm: '$vm' as const, ...peer, settings: run.settings },
        ] as const,
      ]
    })
  return Object.fromEntries(loads)
}
