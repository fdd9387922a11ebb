/** The metrics of a switch as Prometheus reads them. Source: Prometheus, "Exposition formats", text format 0.0.4. */
import { Counter, Gauge, Histogram, type MetricType, Registry } from 'prom-client'
import type { Daemon } from '../daemon.js'
import { DelayCounts } from './delay-counts.js'
import { ENGINE_FAMILIES, PROCESS_FAMILIES } from './engine-families.js'
import type { Family, HistogramFamily, HistogramSample, ValueFamily } from './family.js'
import { PORT_FAMILIES } from './port-families.js'
import { type EngineSeconds, type MetricReading, readMetrics } from './reading.js'
import { TARGET_FAMILIES } from './target-families.js'

/** All of them, in the order in which they are told. */
export const FAMILIES: readonly Family[] = [
  ...ENGINE_FAMILIES,
  ...PORT_FAMILIES,
  ...TARGET_FAMILIES,
  ...PROCESS_FAMILIES,
]

/** The media type of the text. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

/** A histogram whose buckets were counted elsewhere: prom-client's own takes single values only. */
class CountedHistogram extends Histogram {
  readonly #family: HistogramFamily
  readonly #reading: () => MetricReading

  constructor(family: HistogramFamily, reading: () => MetricReading) {
    const { name, help, labels } = family
    super({ name, help, labelNames: Object.keys(labels), registers: [] })
    this.#family = family
    this.#reading = reading
  }

  #values({ labels, upTo, count, sum }: HistogramSample) {
    const { name, bounds } = this.#family
    const buckets = [...bounds.map((bound, at) => [bound, upTo[at]]), ['+Inf', count]] as [
      number | string,
      number,
    ][]
    return [
      ...buckets.map(([le, value]) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value })),
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }

  override async get(): ReturnType<Histogram['get']> {
    const { name, help, read } = this.#family
    const values = read(this.#reading()).flatMap((sample) => this.#values(sample))
    // The type of prom-client's enum, which it does not have at run time.
    const type = 'histogram' as unknown as MetricType
    return { name, help, type, aggregator: 'sum', collect: () => {}, values }
  }

  /** What the registry asks instead of get() where there is one. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}

function register(registry: Registry, family: ValueFamily, reading: () => MetricReading): void {
  const { name, help, labels } = family
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  if (family.type === 'gauge')
    new Gauge({
      ...options,
      collect() {
        this.reset()
        for (const sample of family.read(reading())) this.set(sample.labels, sample.value)
      },
    })
  else
    new Counter({
      ...options,
      collect() {
        this.reset()
        for (const sample of family.read(reading())) this.inc(sample.labels, sample.value)
      },
    })
}

/** Keeps what a scrape needs of those before it. */
export class Metrics {
  readonly #daemon: Daemon
  readonly #registry = new Registry()
  readonly #delays = new DelayCounts()
  #reading: MetricReading | undefined
  #engine: EngineSeconds = { work: 0, spin: 0, wait: 0, sleep: 0 }

  constructor(daemon: Daemon) {
    this.#daemon = daemon
    const reading = (): MetricReading => this.#reading ?? this.#read()
    for (const family of FAMILIES)
      if (family.type === 'histogram') this.#registry.registerMetric(new CountedHistogram(family, reading))
      else register(this.#registry, family, reading)
  }

  #read(): MetricReading {
    const reading = readMetrics(this.#daemon, this.#delays)
    // They are differences of clocks that are not read at the same moment: what a counter has said stands.
    const last = this.#engine
    const grown = (doing: keyof EngineSeconds): number => Math.max(last[doing], reading.engine[doing])
    this.#engine = { work: grown('work'), spin: grown('spin'), wait: grown('wait'), sleep: grown('sleep') }
    this.#reading = { ...reading, engine: this.#engine }
    return this.#reading
  }

  /** All metrics now. */
  text(): Promise<string> {
    this.#read()
    return this.#registry.metrics()
  }
}
