/** Lines over the last minutes, by uPlot. */
import { h, type JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { clock } from './format.js'
import { DataTable } from './parts.js'

const HEIGHT = 200
const SHOWN_S = 120
const TABLE_EVERY_S = 10
/** The step of a mark of the time axis. */
const TIME_STEPS_S = [15, 30, 60, 120]
const NUMBER = '11.5px system-ui, sans-serif'

export interface Line {
  readonly label: string
  /** A custom property of the page's style: "--accent". */
  readonly colour: string
  readonly isDashed?: boolean
  readonly isFilled?: boolean
  /** By time; null: not known. */
  readonly values: readonly (number | null)[]
}

interface TimeChartProps {
  /** What it shows, in words. */
  readonly label: string
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** Marks of the axis; default: as format. */
  readonly mark?: (value: number) => string
  /** Changes with the colours of the page. */
  readonly theme: string
}

function optionsOf({ lines, format, mark = format }: TimeChartProps, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    font: NUMBER,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: HEIGHT,
    padding: [10, 14, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    legend: { show: false },
    scales: { x: { time: false }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [
      {
        ...axis,
        incrs: TIME_STEPS_S,
        space: 84,
        size: 28,
        values: (_, marks) => marks.map((mark) => clock(mark * 1000)),
      },
      { ...axis, size: 58, space: 38, values: (_, marks) => marks.map((each) => mark(each)) },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, isDashed, isFilled }) => ({
        label,
        stroke: colour(name),
        width: isDashed ? 1.5 : 2,
        points: { show: false },
        spanGaps: false,
        ...(isDashed ? { dash: [5, 4] } : {}),
        ...(isFilled ? { fill: `${colour(name)}22` } : {}),
      })),
    ],
  }
}

/** A chart with a legend that tells the last values, and the numbers behind it. */
export function TimeChart(props: TimeChartProps): JSX.Element {
  const { label, lines, format, theme } = props
  const from = Math.max(0, props.times.length - SHOWN_S)
  const times = props.times.slice(from)
  const data = [times, ...lines.map(({ values }) => values.slice(from))] as uPlot.AlignedData
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const shape = `${theme} ${lines.map((line) => line.label).join()}`
  useEffect(() => {
    const element = box.current
    if (!element) return
    const made = new uPlot(optionsOf(props, Math.max(200, element.clientWidth)), data, element)
    plot.current = made
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [shape])
  useEffect(() => plot.current?.setData(data))
  const text = (value: number | null | undefined): string =>
    value === null || value === undefined ? '–' : format(value)
  const now = lines.map((line) => `${line.label} ${text(line.values.at(-1))}`).join(', ')
  return h(
    'div',
    { class: 'drawing' },
    h(
      'ul',
      { class: 'legend' },
      lines.map((line) =>
        h(
          'li',
          { key: line.label, class: `${line.colour.slice(2)}${line.isDashed ? ' dashed' : ''}` },
          line.label,
          ' ',
          h('b', null, text(line.values.at(-1))),
        ),
      ),
    ),
    h('div', { ref: box, role: 'img', 'aria-label': `${label}: ${now}`, class: 'plot' }),
    h(DataTable, {
      caption: label,
      heads: ['Time', ...lines.map((line) => line.label)],
      rows: times
        .map((time, at) => [clock(time * 1000), ...lines.map(({ values }) => text(values[from + at]))])
        .filter((_, at) => (times.length - 1 - at) % TABLE_EVERY_S === 0)
        .reverse(),
    }),
  )
}
