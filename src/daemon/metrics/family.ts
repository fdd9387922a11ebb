/**
 * What a family of metrics is: a name, a help text, its labels, and how its values are read. Families are tables of such
 * objects; the registry, the page docs/metrics.md, and the tests of dashboard and alert rules follow from them. Values are
 * read at a scrape from memory that the engine writes anyway: between scrapes nobody counts anything.
 */
import type { MetricReading } from './reading.js'

/** What a label may say: one of a few words, or the name of a port (of which a switch has at most 64). */
export type LabelValues = readonly string[] | 'port' | 'text'

/** A value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Counts of a histogram with its labels: how many values were at most each bound, in its order, and all. */
export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>
  readonly upTo: readonly number[]
  readonly count: number
  readonly sum: number
}

interface Described {
  /** Base units: seconds, bytes, ratios; counters end in _total. */
  readonly name: string
  readonly help: string
  readonly labels: Readonly<Record<string, LabelValues>>
}

export interface ValueFamily extends Described {
  readonly type: 'counter' | 'gauge'
  read(reading: MetricReading): readonly Sample[]
}

export interface HistogramFamily extends Described {
  readonly type: 'histogram'
  /** Upper bounds but the last, which is +Inf. */
  readonly bounds: readonly number[]
  read(reading: MetricReading): readonly HistogramSample[]
}

export type Family = ValueFamily | HistogramFamily

/** A family of one value without labels. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (reading: MetricReading) => number | undefined,
): ValueFamily {
  return {
    ...{ type, name, help, labels: {} },
    read: (reading) => {
      const value = read(reading)
      return value === undefined ? [] : [{ labels: {}, value }]
    },
  }
}

/** One sample for each word that a label may say: 1 for the one that holds, 0 for the others. */
export function oneHot(
  labels: Readonly<Record<string, string>>,
  label: string,
  words: readonly string[],
  holds: string | null,
): Sample[] {
  return words.map((word) => ({ labels: { ...labels, [label]: word }, value: word === holds ? 1 : 0 }))
}
