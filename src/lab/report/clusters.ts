/** Candidates by their features, the chosen representatives, and how much of the grid they cover. */
import { clusterChart } from '../../plot/cluster-chart.js'
import { exactText } from '../../plot/number-text.js'
import {
  type ChosenLoad,
  candidateName,
  chosenLoads,
  type Representatives,
  representatives,
} from '../analysis/representatives.js'
import { METRICS } from '../record/metrics.js'
import type { Figure } from '../study/study.js'
import type { Entry, FigureContext, ReportFigure } from './figure.js'
import { listed, metricHead, percentText } from './wording.js'

type Clusters = Extract<Figure, { figure: 'clusters' }>

export interface ClustersFigure extends ReportFigure {
  /** The medoids as loads, by name; empty when nothing was chosen. */
  readonly chosen: Readonly<Record<string, ChosenLoad>>
}

/** What the study's question asks for, as figures without intervals. */
function headlineOf({ k, silhouettes, coverage, candidates }: Representatives): Entry[] {
  const n = candidates.length
  const entry = (label: string, value: number): Entry => ({
    at: { 'of the chosen set': label },
    measure: { label: 'value', unit: '', better: 'none' },
    estimate: { value, n },
  })
  return [
    entry('candidates measured', n),
    entry('representatives (k)', k),
    entry('mean silhouette', silhouettes.find((each) => each.k === k)!.silhouette),
    entry('coverage: share of the other candidates within the radius', coverage.within),
    entry('coverage: part of the distances explained', coverage.explained),
  ]
}

function answerOf({ candidates, coverage, k }: Representatives, chosen: readonly string[]): string {
  return `${k} of ${candidates.length} candidates stand for all: ${listed(chosen)}. ${percentText(coverage.within)} of the others lie within half the median distance of theirs, and they explain ${percentText(coverage.explained)} of the distances.`
}

function notesOf(result: Representatives, chosen: readonly string[], figure: Clusters): string[] {
  const { coverage, silhouettes, k, shares } = result
  const best = silhouettes.find((each) => each.k === k)!.silhouette
  const names = (metrics: readonly (keyof typeof METRICS)[]) =>
    metrics.map((metric) => METRICS[metric].label).join(', ')
  return [
    `Chosen: ${chosen.join(', ')}. k = ${k} has the greatest mean silhouette (${exactText(best)}) of 2 to ${Math.min(figure.maxClusters, result.candidates.length - 1)}: ${silhouettes.map((each) => `${each.k}: ${each.silhouette.toFixed(2)}`).join(', ')}.${best < 0.25 ? ' That is no clear structure: the groups are a matter of convenience.' : ''}`,
    `Coverage: ${percentText(coverage.within)} of the candidates that were not chosen lie within ${exactText(coverage.radius)} standard deviations of their representative (half the median distance between two candidates); the representatives take away ${percentText(coverage.explained)} of the distance that one single best representative leaves.`,
    `The picture shows ${percentText(shares.reduce((sum, share) => sum + share, 0))} of the variance of ${result.features.length} standardised features.`,
    ...(result.logarithmic.length > 0
      ? [`As logarithms, because they span more than a decade: ${names(result.logarithmic)}.`]
      : []),
    ...(result.constant.length > 0
      ? [`Equal for all candidates, so without weight: ${names(result.constant)}.`]
      : []),
    ...(result.leftOut.length > 0 ? [`Left out, a feature is missing: ${result.leftOut.join('; ')}.`] : []),
  ]
}

/** Builds the figure; under 3 candidates with all features it says so and chooses nothing. */
export function buildClusters(figure: Clusters, { id, cells }: FigureContext): ClustersFigure {
  const result = representatives(cells, figure.features, figure.maxClusters)
  const shared = { id, kind: 'clusters', title: figure.title }
  if (!result)
    return {
      ...{ ...shared, pictures: [], table: { head: [], rows: [] }, entries: [], headline: [], chosen: {} },
      notes: ['Fewer than three candidates have all features: there is nothing to choose from.'],
    }
  const medoids = result.candidates.filter(({ medoid }) => medoid)
  const names = Object.fromEntries(medoids.map(({ cluster, cell }) => [cluster, candidateName(cell)]))
  const [first = 0, second = 0] = result.shares
  const chart = clusterChart({
    id,
    title: figure.title,
    x: { label: `first component (${percentText(first)} of the variance)` },
    y: { label: `second component (${percentText(second)})` },
    points: result.candidates.map(({ cell, x, y, cluster, medoid }) => ({
      label: candidateName(cell),
      x,
      y,
      cluster,
      medoid,
    })),
    clusterLabels: names,
  })
  return {
    ...shared,
    pictures: [{ title: figure.title, svg: chart.svg }],
    table: {
      head: ['candidate', 'represented by', 'distance', ...result.features.map(metricHead)],
      rows: result.candidates.map(({ cell, cluster, medoid, distance, features }) => [
        candidateName(cell),
        medoid ? 'itself (chosen)' : names[cluster]!,
        exactText(distance),
        ...features.map(exactText),
      ]),
    },
    notes: notesOf(result, Object.values(names), figure),
    entries: headlineOf(result),
    headline: headlineOf(result),
    answer: [answerOf(result, Object.values(names))],
    chosen: chosenLoads(result),
  }
}
