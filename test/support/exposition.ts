/**
 * A strict reader of Prometheus' text format, as `promtool check metrics` and its lint are strict.
 * Source: Prometheus, "Exposition formats" and "Metric and label naming".
 */
export interface ExposedFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: {
    readonly name: string
    readonly labels: Record<string, string>
    readonly value: number
  }[]
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/gy
const SUFFIXES = { histogram: ['_bucket', '_sum', '_count'], counter: [''], gauge: [''] } as Record<
  string,
  string[]
>

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let read = 0
  for (const [whole, name = '', value = ''] of text.matchAll(LABEL)) {
    if (name in labels) throw new Error(`label ${name} twice: ${line}`)
    labels[name] = value
    read += whole.length
  }
  if (read !== text.length) throw new Error(`bad labels: ${line}`)
  return labels
}

function checkHistogram({ name, samples }: ExposedFamily): void {
  const bucketsOf = new Map<string, ExposedFamily['samples']>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    bucketsOf.set(key, [...(bucketsOf.get(key) ?? []), sample])
  }
  for (const [key, series] of bucketsOf) {
    const buckets = series.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => Number((labels.le ?? '').replace('+Inf', 'Infinity')))
    const counts = buckets.map(({ value }) => value)
    const count = series.find((sample) => sample.name === `${name}_count`)?.value
    const rises = (numbers: number[]) =>
      numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] as number))
    if (!rises(bounds) || !rises(counts) || bounds.at(-1) !== Number.POSITIVE_INFINITY)
      throw new Error(`${name}${key}: buckets do not rise to +Inf`)
    if (counts.at(-1) !== count) throw new Error(`${name}${key}: +Inf is not the count`)
    if (!series.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}${key}: no sum`)
  }
}

function checkFamily(family: ExposedFamily): void {
  const { name, type, help, samples } = family
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`${name}: bad name`)
  if (help === '') throw new Error(`${name}: no help`)
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name}: _total is for counters`)
  if (/_(us|ms|milliseconds|kb|mb|percent)(_|$)/.test(name)) throw new Error(`${name}: not in base units`)
  const seen = new Set<string>()
  for (const sample of samples) {
    const series = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
    if (seen.has(series)) throw new Error(`${series}: twice`)
    seen.add(series)
    if (Number.isNaN(sample.value)) throw new Error(`${series}: no number`)
    if (type !== 'gauge' && sample.value < 0) throw new Error(`${series}: negative`)
  }
  if (type === 'histogram') checkHistogram(family)
}

/** The families of a text. Throws for what a strict reader refuses. */
export function parseExposition(text: string): ReadonlyMap<string, ExposedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, ExposedFamily>()
  let help: { name: string; text: string } | undefined
  let family: ExposedFamily | undefined
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') help = { name, text: rest }
    else if (kind === 'TYPE') {
      if (help?.name !== name) throw new Error(`${name}: TYPE without HELP`)
      if (families.has(name)) throw new Error(`${name}: twice`)
      if (!(rest in SUFFIXES)) throw new Error(`${name}: type ${rest}`)
      family = { name, type: rest, help: help.text, samples: [] }
      families.set(name, family)
    } else {
      const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
      const owner = family
      if (!owner || !SUFFIXES[owner.type]?.some((suffix) => sample === owner.name + suffix))
        throw new Error(`out of place: ${line}`)
      owner.samples.push({ name: sample, labels: labelsOf(labels, line), value: Number(value) })
    }
  }
  for (const each of families.values()) checkFamily(each)
  return families
}
