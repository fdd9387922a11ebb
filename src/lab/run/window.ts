/** What two samples of a bed say about the window between them. */
import { histogramQuantile, merge, newCounts, since, total } from '../../core/histogram.js'
import type { BedSample, EngineTime, PortCount, XenCounts } from '../bed/bed.js'
import { COUNTED } from '../bed/port-count.js'
import type { MetricName, Metrics } from '../record/metrics.js'
import type { CpuUse } from '../record/record.js'

const NS = 1e9
const GB = 1e9
const GB_PER_MBIT = 1e6 / 8 / GB
const DELAYS = ['hold', 'queue', 'total'] as const

type Delay = (typeof DELAYS)[number]
type Count = (typeof COUNTED)[number]

/** What a port counted within the window. What is not known is absent. */
export interface PortDelta {
  readonly counts: Readonly<Partial<Record<Count, number>>>
  readonly drops: Readonly<Record<string, number>>
  readonly delays: Readonly<Record<Delay, Uint32Array>> | undefined
}

function portDelta(before: PortCount | undefined, after: PortCount): PortDelta {
  const counts: Partial<Record<Count, number>> = {}
  for (const name of COUNTED) {
    const now = after[name]
    if (now !== undefined) counts[name] = now - (before?.[name] ?? 0)
  }
  const drops = Object.entries(after.drops ?? {})
    .map(([name, frames]) => [name, frames - (before?.drops?.[name] ?? 0)] as const)
    .filter(([, frames]) => frames !== 0)
  const empty = newCounts()
  const delta = (name: Delay): Uint32Array =>
    since(after.delays?.[name] ?? empty, before?.delays?.[name] ?? empty)
  return {
    counts,
    drops: Object.fromEntries(drops),
    delays: after.delays && { hold: delta('hold'), queue: delta('queue'), total: delta('total') },
  }
}

export interface WindowResult {
  readonly cpu: CpuUse
  readonly metrics: Metrics
  /** By VM and NIC, as in the samples. */
  readonly ports: Readonly<Record<string, PortDelta>>
  /** What Ringferry's engine did meanwhile; undefined for other switches. */
  readonly engine: EngineTime | undefined
}

/** Sum of a count over ports; undefined when none of them knows it. */
function sum(ports: readonly PortDelta[], name: Count): number | undefined {
  const known = ports.flatMap(({ counts }) => counts[name] ?? [])
  return known.length === 0 ? undefined : known.reduce((all, value) => all + value, 0)
}

/** a / b where both are known and b is not 0. */
function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b <= 0 ? undefined : a / b
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b
}

/** p99 in microseconds of a delay: of the VM's own ports, or of all when these delivered nothing. */
function p99(own: readonly PortDelta[], all: readonly PortDelta[], name: Delay): number | undefined {
  for (const ports of [own, all]) {
    const counts = newCounts()
    for (const { delays } of ports) if (delays) merge(counts, delays[name])
    if (total(counts) > 0) return histogramQuantile(counts, 0.99)
  }
  return undefined
}

function cpuUse(before: BedSample, after: BedSample): CpuUse {
  const guests = Object.entries(after.guestCpuS).map(([name, seconds]) => [
    name,
    seconds - (before.guestCpuS[name] ?? 0),
  ])
  return {
    seconds: after.atS - before.atS,
    guests: Object.fromEntries(guests) as Record<string, number>,
    driverDomain: after.driverCpuS - before.driverCpuS,
    busy: after.busyS - before.busyS,
    burnt: after.burntS - before.burntS,
    steal: after.stealS - before.stealS,
  }
}

/** Pauses are counted on the u32 circle. */
function engineSince(before: BedSample, after: BedSample): EngineTime | undefined {
  const [from, to] = [before.engine, after.engine]
  return (
    from &&
    to && {
      spunS: to.spunS - from.spunS,
      waitedS: to.waitedS - from.waitedS,
      wakes: (to.wakes - from.wakes) >>> 0,
    }
  )
}

/** Grant operations, lists and events of Xen in the window; empty for other beds. */
function xenSince({ xen: from }: BedSample, { xen: to }: BedSample): Partial<XenCounts> {
  if (!from || !to) return {}
  return {
    grantOperations: to.grantOperations - from.grantOperations,
    grantLists: to.grantLists - from.grantLists,
    events: to.events - from.events,
  }
}

/**
 * Processor use and port counts between two samples.
 * Rates, frame sizes, bursts and delays are those of one VM's ports; processor use, drops and calls are the cell's.
 * @param vm the VM of the first workload
 * @param payloadMbps what the workloads carried in all; undefined: they do not say
 */
export function measureWindow(
  before: BedSample,
  after: BedSample,
  vm: string,
  payloadMbps?: number,
): WindowResult {
  const cpu = cpuUse(before, after)
  const engine = engineSince(before, after)
  const xen = xenSince(before, after)
  const named = Object.entries(after.ports).map(
    ([name, port]) => [name, portDelta(before.ports[name], port)] as const,
  )
  const all = named.map(([, port]) => port)
  const own = named.filter(([name]) => name === vm || name.startsWith(`${vm}.`)).map(([, port]) => port)
  const delivered = sum(all, 'toVmFrames')
  const dropped = all.flatMap(({ drops }) => Object.values(drops)).reduce((one, two) => one + two, 0)
  const rate = (count: Count): number | undefined => ratio(sum(own, count), cpu.seconds)
  const frames = add(sum(own, 'toVmFrames'), sum(own, 'fromVmFrames'))
  const bytes = add(sum(own, 'toVmBytes'), sum(own, 'fromVmBytes'))
  const found: readonly (readonly [MetricName, number | undefined])[] = [
    [
      'guestCpu',
      ratio(
        Object.values(cpu.guests).reduce((one, two) => one + two, 0),
        cpu.seconds,
      ),
    ],
    ['driverCpu', ratio(cpu.driverDomain, cpu.seconds)],
    ['driverWorkCpu', ratio(engine && cpu.driverDomain - engine.spunS, cpu.seconds)],
    ['hostCpu', ratio(cpu.busy, cpu.seconds)],
    ['burntCpu', ratio(cpu.burnt, cpu.seconds)],
    ['driverCpuPerFrameNs', ratio(NS * cpu.driverDomain, delivered)],
    ['hostCpuPerGbS', ratio(GB * cpu.busy, sum(all, 'toVmBytes'))],
    ['hostCpuPerPayloadGbS', ratio(cpu.busy, payloadMbps && payloadMbps * GB_PER_MBIT * cpu.seconds)],
    ['callsPerFrame', ratio(sum(all, 'calls'), delivered)],
    ['grantOperationsPerFrame', ratio(xen.grantOperations, delivered)],
    ['grantListsPerFrame', ratio(xen.grantLists, delivered)],
    ['eventsPerFrame', ratio(xen.events, delivered)],
    ['batchFrames', ratio(sum(all, 'publishedFrames'), sum(all, 'publications'))],
    ['dropRatio', ratio(dropped, add(delivered, dropped))],
    ['holdP99Us', p99(own, all, 'hold')],
    ['queueP99Us', p99(own, all, 'queue')],
    ['totalP99Us', p99(own, all, 'total')],
    ['meanFrameBytes', ratio(bytes, frames)],
    ['toVmFps', rate('toVmFrames')],
    ['fromVmFps', rate('fromVmFrames')],
    ['toVmBps', rate('toVmBytes')],
    ['fromVmBps', rate('fromVmBytes')],
    [
      'burstFrames',
      ratio(sum(own, 'fromVmFrames'), sum(own, 'fromVmBursts')) ??
        ratio(sum(own, 'toVmFrames'), sum(own, 'calls')),
    ],
  ]
  const known = found.filter(([, value]) => value !== undefined && Number.isFinite(value))
  return { cpu, metrics: Object.fromEntries(known) as Metrics, ports: Object.fromEntries(named), engine }
}

/** Port counts as plain data for the record; histograms stay out. */
export function countedPorts(ports: WindowResult['ports']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, { counts, drops }]) => [name, { ...counts, drops }]),
  )
}
