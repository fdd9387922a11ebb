/**
 * What all charts of the lab's reports take and give: plain data in, one SVG and one table out.
 *
 * A chart is a pure function of its input (no clock, no chance, no DOM), so that its SVG can be a committed snapshot.
 * The SVG is written by hand and not by vega: vega has no hatching (and a report in grey print or for a colour-blind
 * reader needs it), its clip ids come from a counter of the process (two runs differ, two charts on one page may
 * clash), it renders asynchronously, and it does not lay out titles, legends and labels for a narrow screen.
 */

/** A figure with its interval (95 % unless the caller's text says otherwise), in the unit of its axis. */
export interface Interval {
  readonly value: number
  readonly low?: number | undefined
  readonly high?: number | undefined
}

/** A figure as charts take it. `null`, `undefined` and a value that is not finite all mean "not measured". */
export type Amount = Interval | number | null | undefined

/**
 * `percentile`: for x values in percent, 0 to below 100, spread as 1 / (1 - x / 100), so that 90, 99 and 99.9 are
 * equally far apart. On `log` a value of zero or less cannot be shown; the chart says how many were left out.
 */
export type ScaleKind = 'linear' | 'log' | 'percentile'

/** One run of a figure, in the unit of its axis. */
export interface Run {
  readonly value: number
  /** The machine was not quiet before it. */
  readonly noisy?: boolean
}

export interface Axis {
  /** What is measured, without its unit: `p99 delay`. */
  readonly label: string
  /** As printed after the label: `us`, `Mb/s`. */
  readonly unit?: string | undefined
  /** `linear` when left out. */
  readonly scale?: ScaleKind | undefined
  /** Adds "lower is better" to the label. */
  readonly better?: 'higher' | 'lower' | 'none' | undefined
  /** Ends of the axis at least reach these values. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** What every chart has, whatever it shows. */
export interface ChartFrame {
  /** Prefix of all ids in the SVG; unique on a page, letters, digits and `-`. Made from the title when left out. */
  readonly id?: string | undefined
  readonly title: string
  readonly subtitle?: string | undefined
  /** One sentence for readers who do not see the picture; made from the data when left out. */
  readonly description?: string | undefined
  /**
   * Width of the drawing in its own units, default 560, at least 320. The picture has no fixed size: it fills its
   * place up to a little above this many pixels, and text of 14 units stays readable on a screen of 400 pixels.
   */
  readonly width?: number | undefined
}

/** A horizontal line at a value: the reference of a bar chart, the target of a line chart. */
export interface Level {
  readonly value: number
  readonly label: string
}

/** Text of a table with one head row; every row is as long as the head. Nothing in it is escaped. */
export interface ChartTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A drawn chart: an `<svg>` element for direct use in HTML or as a file, and the same figures as a table. */
export interface Chart {
  readonly svg: string
  readonly table: ChartTable
}

// ---- bar-chart.ts ------------------------------------------------------------------------------------------------

export interface BarSeries {
  readonly label: string
  /** One figure for each category, in their order. */
  readonly values: readonly Amount[]
  /** The runs behind each figure, drawn as dots. */
  readonly runs?: readonly (readonly Run[])[] | undefined
  /** Figures published by others, drawn as a hollow bar beside ours; one for each category. */
  readonly published?: readonly Amount[] | undefined
}

/** Bars grouped by category. Lies down by itself when there are many bars or long labels. */
export interface BarChartInput extends ChartFrame {
  readonly x: Axis
  readonly y: Axis
  readonly categories: readonly string[]
  readonly series: readonly BarSeries[]
  readonly reference?: Level | undefined
}

// ---- line-chart.ts -----------------------------------------------------------------------------------------------

export interface LinePoint {
  readonly x: number
  /** An absent figure breaks the line. */
  readonly y: Amount
  /** The runs behind it, drawn as dots. */
  readonly runs?: readonly Run[] | undefined
}

export interface LineSeries {
  readonly label: string
  readonly points: readonly LinePoint[]
}

/** A vertical line at an x: load doubled, guest killed. */
export interface StepMarker {
  readonly x: number
  readonly label: string
}

/** Measured points joined by lines, with their intervals. */
export interface LineChartInput extends ChartFrame {
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly LineSeries[]
  /** How intervals are drawn; `whiskers` when left out. */
  readonly spread?: 'band' | 'whiskers' | undefined
  readonly target?: Level | undefined
  readonly steps?: readonly StepMarker[] | undefined
}

// ---- series-chart.ts ---------------------------------------------------------------------------------------------

/** Raw lines of many points without marks or intervals: time series, percentile curves. Same input, no `spread`. */
export interface SeriesChartInput extends ChartFrame {
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly LineSeries[]
  readonly target?: Level | undefined
  readonly steps?: readonly StepMarker[] | undefined
}

// ---- frontier-chart.ts -------------------------------------------------------------------------------------------

export interface FrontierPoint {
  readonly label: string
  readonly x: Amount
  readonly y: Amount
  /** Drawn as the area of the mark; not negative. */
  readonly size?: number | undefined
  /** Stands out: the tuner's choice. */
  readonly marked?: boolean | undefined
}

/** Alternatives by two figures. The axes' `better` decide the Pareto front (default: x lower, y higher). */
export interface FrontierChartInput extends ChartFrame {
  readonly x: Axis
  readonly y: Axis
  readonly points: readonly FrontierPoint[]
  /** What the area of a mark means, when points have sizes. */
  readonly size?: { readonly label: string; readonly unit?: string | undefined } | undefined
  /** What a marked point is, for the legend; `chosen` when left out. */
  readonly markedLabel?: string | undefined
}

// ---- matrix-chart.ts ---------------------------------------------------------------------------------------------

/** Ratios by row and column; an entry is bold when its interval leaves out the centre. */
export interface MatrixChartInput extends ChartFrame {
  /** Head of the columns and of the rows, e.g. `aggressor` and `victim`. */
  readonly x: { readonly label: string }
  readonly y: { readonly label: string }
  readonly columns: readonly string[]
  readonly rows: readonly string[]
  /** `entries[row][column]`, ratios; an absent one is drawn as an empty field. */
  readonly entries: readonly (readonly Amount[])[]
  /** What an entry is: `throughput, shared / alone`. */
  readonly entryLabel: string
  /** The ratio without colour; 1 when left out. */
  readonly centre?: number | undefined
  /** Which side of the centre is good; `higher` when left out. */
  readonly better?: 'higher' | 'lower' | undefined
}

// ---- cluster-chart.ts --------------------------------------------------------------------------------------------

export interface ClusterPoint {
  readonly label: string
  /** First and second principal component. */
  readonly x: number
  readonly y: number
  /** Any whole number; points with the same one belong together. */
  readonly cluster: number
  readonly medoid?: boolean | undefined
}

/** Workloads by their first two principal components. */
export interface ClusterChartInput extends ChartFrame {
  readonly x: Axis
  readonly y: Axis
  readonly points: readonly ClusterPoint[]
  /** Names of clusters by number; `cluster N` for the others. */
  readonly clusterLabels?: Readonly<Record<number, string>> | undefined
}
