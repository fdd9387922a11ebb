/** Workloads by their first two principal components: colour and shape by cluster, medoids ringed and named first. */
import { drawEmpty, drawField } from './cartesian.js'
import type { Chart, ClusterChartInput, ClusterPoint } from './chart.js'
import { coordinate, element, group } from './element.js'
import { placeLabels } from './label-placement.js'
import { exactText, finite } from './number-text.js'
import { createScale } from './scale.js'
import { drawText, FONT, headText, type LegendEntry, listText, Sheet } from './sheet.js'
import { truncate } from './text-measure.js'
import { PAINT, seriesMark, seriesPaint } from './theme.js'

const HEIGHT = 320
const RADIUS = 5
const MEDOID_RADIUS = 7
const LABEL_SHARE = 0.36

interface Placed {
  readonly point: ClusterPoint
  readonly x: number
  readonly y: number
  /** Index of its cluster among the clusters in ascending order. */
  readonly index: number
}

function drawMark({ point, x, y, index }: Placed): string {
  if (!point.medoid) return seriesMark(index, x, y, RADIUS)
  const ring = { cx: x, cy: y, r: MEDOID_RADIUS + 5, fill: 'none', stroke: PAINT.ink, 'stroke-width': 2 }
  return seriesMark(index, x, y, MEDOID_RADIUS) + element('circle', ring)
}

/** Thin lines from each point to the medoid of its cluster, so that clusters are seen without their colours. */
function drawSpokes(placed: readonly Placed[]): string[] {
  return placed.flatMap((one) => {
    const medoid = placed.find((other) => other.index === one.index && other.point.medoid)
    if (!medoid || medoid === one) return []
    const d = `M${coordinate(one.x)},${coordinate(one.y)}L${coordinate(medoid.x)},${coordinate(medoid.y)}`
    return [element('path', { d, stroke: seriesPaint(one.index), 'stroke-opacity': 0.45, 'stroke-width': 1 })]
  })
}

function drawLabels(
  sheet: Sheet,
  placed: readonly Placed[],
  area: { left: number; top: number; right: number; bottom: number },
): void {
  const ordered = [...placed].sort(
    (a, b) => Number(b.point.medoid === true) - Number(a.point.medoid === true),
  )
  const width = (area.right - area.left) * LABEL_SHARE
  const requests = ordered.map(({ point, x, y }) => ({
    ...{ text: truncate(point.label, FONT.small, width), x, y },
    radius: point.medoid ? MEDOID_RADIUS + 6 : RADIUS,
  }))
  const labels = placeLabels(requests, FONT.small, area)
  labels.forEach((label, at) => {
    const one = ordered[at]!
    if (!label) return
    if (label.leader) {
      const d = `M${coordinate(one.x)},${coordinate(one.y)}L${coordinate(label.leader[0])},${coordinate(label.leader[1])}`
      sheet.add(element('path', { d, stroke: PAINT.muted, 'stroke-width': 0.8 }))
    }
    const style = { size: FONT.small, anchor: label.anchor, bold: one.point.medoid === true, halo: true }
    sheet.add(drawText(label.text, label.x, label.y, style))
  })
  const left = labels.filter((label) => !label).length
  if (left > 0) sheet.note(`Without a label, for want of room: ${left} (see the table).`)
}

/** Points by two components. Table: a row for each, with its cluster and whether it is the medoid. */
export function clusterChart(input: ClusterChartInput): Chart {
  const numbers = [...new Set(input.points.map((point) => point.cluster))].sort((a, b) => a - b)
  const nameOf = (cluster: number) => input.clusterLabels?.[cluster] ?? `cluster ${cluster}`
  const legend: LegendEntry[] = numbers.map((cluster, index) => ({
    label: nameOf(cluster),
    sample: (x, y) => seriesMark(index, x, y, RADIUS),
  }))
  const medoids = input.points.filter((point) => point.medoid)
  if (medoids.length > 0) {
    const ring = { fill: 'none', stroke: PAINT.ink, 'stroke-width': 2 }
    legend.push({ label: 'medoid', sample: (x, y) => element('circle', { cx: x, cy: y, r: 7, ...ring }) })
  }
  const sheet = new Sheet(input, legend)
  const shown = input.points.filter((point) => finite(point.x) !== undefined && finite(point.y) !== undefined)
  const xScale = createScale(
    input.x,
    shown.map((point) => point.x),
    6,
  )
  const yScale = createScale(
    input.y,
    shown.map((point) => point.y),
    5,
  )
  const field = drawField(sheet, { xAxis: input.x, yAxis: input.y, xScale, yScale, height: HEIGHT })
  const placed = shown.map((point) => ({
    ...{ point, x: field.x(point.x), y: field.y(point.y) },
    index: numbers.indexOf(point.cluster),
  }))
  sheet.add(group({}, drawSpokes(placed)), group({}, placed.map(drawMark)))
  drawLabels(sheet, placed, { left: field.left, top: field.top, right: sheet.right, bottom: field.bottom })
  if (placed.length === 0) drawEmpty(sheet, field)
  const missing = input.points.length - shown.length
  if (missing > 0) sheet.note(`Without a place: ${missing} of ${input.points.length} (see the table).`)
  const head = ['workload', headText(input.x), headText(input.y), 'cluster', 'medoid']
  const rows = input.points.map((point) => [
    ...[point.label, exactText(point.x), exactText(point.y), nameOf(point.cluster)],
    point.medoid ? 'yes' : 'no',
  ])
  const chosen = medoids.length > 0 ? `; medoids: ${listText(medoids.map((point) => point.label))}` : ''
  const description = `${input.points.length} workloads in ${numbers.length} clusters by two components${chosen}.`
  return sheet.finish(field.end, description, { head, rows })
}
