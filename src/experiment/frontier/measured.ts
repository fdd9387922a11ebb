/** Points of the frontier that a run of the lab measured: its workload `frames` under one policy after the other. */
import { POLICY_NAMES, type PolicyConfig } from '../../aggregation/create.js'
import { RingferryError } from '../../errors/errors.js'
import type { Measurement } from '../../lab/record/record.js'
import type { Section } from '../../lab/report/sections.js'
import { readRun } from '../../lab/run/store.js'
import { frontierChart } from '../../plot/frontier-chart.js'
import { pictureSection } from '../page.js'
import type { SweepLine } from '../sweep-job.js'
import { pointOf, type SweepPoint } from '../sweep-points.js'

/** A load and a policy as the lab had them, and what it measured. */
export interface MeasuredPoint {
  readonly policy: PolicyConfig['name']
  readonly rateFps: number
  readonly frameBytes: number
  readonly budget: number
  readonly ghz: number
  readonly rounds: number
  /** p99 from arrival to publication, and frames a second for each processor of the switch. */
  readonly p99Us: number
  readonly fpsPerProcessor: number
  /** The same, simulated with the model's own costs. */
  readonly simulated?: { readonly p99Us: number; readonly fpsPerProcessor: number }
}

const CHECKSUM_BYTES = 4
const MEGA = 1e6
const DEFAULT_BUDGET = 0.8

const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length

interface Told {
  readonly policy: string
  readonly budget: number
  readonly rateFps: number
  readonly frameBytes: number
}

/** What a measurement was of; undefined: not of frames at a rate. */
function toldOf({ workloads, switch: { switch: facts } }: Measurement): Told | undefined {
  const [frames] = workloads
  if (workloads.length !== 1 || frames?.workload !== 'frames') return undefined
  const { rateFps, frameBytes } = frames.settings as Record<string, unknown>
  const { policy, budget } = facts as Record<string, unknown>
  if (typeof rateFps !== 'number' || rateFps === 0 || typeof frameBytes !== 'number') return undefined
  if (typeof policy !== 'string') return undefined
  return { policy, budget: typeof budget === 'number' ? budget : DEFAULT_BUDGET, rateFps, frameBytes }
}

/** Reads the points of a run. Throws NOT_FOUND, PERMISSION, CONFIG, and USAGE for a run without any. */
export function readMeasured(folder: string): MeasuredPoint[] {
  const groups = new Map<string, { readonly told: Told; readonly all: Measurement[] }>()
  for (const record of readRun(folder).records) {
    if (record.type !== 'measurement') continue
    const told = toldOf(record)
    if (!told) continue
    const key = JSON.stringify(told)
    const group = groups.get(key) ?? { told, all: [] }
    group.all.push(record)
    groups.set(key, group)
  }
  const points = [...groups.values()].flatMap(({ told, all }): MeasuredPoint[] => {
    const policy = POLICY_NAMES.find((name) => name === told.policy)
    const rounds = all.filter(
      ({ metrics }) => metrics.totalP99Us !== undefined && metrics.driverCpuPerFrameNs !== undefined,
    )
    if (!policy || rounds.length === 0) return []
    return [
      {
        ...told,
        ...{ policy, rounds: rounds.length },
        ghz: mean(rounds.map(({ noise }) => noise?.mhz ?? 0)) / 1000 || 2.6,
        p99Us: mean(rounds.map(({ metrics }) => metrics.totalP99Us!)),
        fpsPerProcessor: 1e9 / mean(rounds.map(({ metrics }) => metrics.driverCpuPerFrameNs!)),
      },
    ]
  })
  if (points.length === 0)
    throw new RingferryError(
      'USAGE',
      `${folder}: nothing in it was measured with the workload frames at a rate; give a run of the study policies`,
    )
  return points
}

/** Each of them simulated: two VMs and the switch on two processors, as in the lab. */
export function measuredModels(measured: readonly MeasuredPoint[], seed: number): SweepPoint[] {
  return measured.map(({ policy, rateFps, frameBytes, budget, ghz }) =>
    pointOf(
      {
        name: 'measured',
        host: { cores: 2, ghz },
        ...{ policy, budget },
        vms: [{ name: 'a' }, { name: 'b' }],
        traffic: [
          {
            kind: 'open',
            from: 'b',
            to: 'a',
            rateFps,
            frameBytes: Math.max(14, frameBytes - CHECKSUM_BYTES),
          },
        ],
        measureMs: 200,
        warmUpMs: 600,
        replications: { min: 3, max: 3 },
      },
      { measured: policy, rateFps, budget },
      seed,
    ),
  )
}

/** @param lines of measuredModels, in their order */
export function withSimulated(
  measured: readonly MeasuredPoint[],
  lines: readonly SweepLine[],
): MeasuredPoint[] {
  return measured.map((point, at) => {
    const summary = lines[at]?.summary
    const [fps, cpu] = [summary?.host.fps?.estimate, summary?.host.driverCpu?.estimate]
    const p99Us = summary?.vms[0]?.figures.totalP99Us?.estimate
    if (fps === undefined || !cpu || p99Us === undefined) return point
    return { ...point, simulated: { p99Us, fpsPerProcessor: fps / cpu } }
  })
}

/** The chart of measured points beside simulated ones; nothing without a run. */
export function measuredSections(measured: readonly MeasuredPoint[]): Section[] {
  const [first] = measured
  if (!first) return []
  const title = `Measured, and the same load simulated: ${first.rateFps} frames/s to one VM`
  const chart = frontierChart({
    ...{ id: 'measured', title, width: 760, markedLabel: 'measured' },
    x: { label: 'p99 from arrival to publication', unit: 'us', from: 0, better: 'lower' },
    y: { label: 'frames a processor would carry', unit: 'million/s', scale: 'log', better: 'higher' },
    points: measured.flatMap(({ policy, p99Us, fpsPerProcessor, simulated }) => [
      { label: `${policy}, measured`, x: p99Us, y: fpsPerProcessor / MEGA, marked: true },
      ...(simulated
        ? [{ label: `${policy}, simulated`, x: simulated.p99Us, y: simulated.fpsPerProcessor / MEGA }]
        : []),
    ]),
  })
  const { title: name, blocks, ...section } = pictureSection('measured', title, chart)
  const note =
    'Generator, switch and receiver share two processors in the lab. The simulation has the model’s costs as they are, not fitted to this run.'
  return [{ ...section, title: name, blocks: [...blocks, { kind: 'list', items: [note] }] }]
}
