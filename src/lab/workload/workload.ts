/**
 * A workload: a load between VMs of a bed, and what one can say of it. All workloads of a cell run in the same
 * window: `prepare` starts servers and makes files, `run` loads for warm-up and window, `close` tidies up.
 */
import type { z } from 'zod'
import type { Bed, BedVm, VmKind } from '../bed/bed.js'
import type { Metrics } from '../record/metrics.js'

export interface LoadWindow {
  /** Seconds that are not measured: connections open, windows grow, caches fill. */
  readonly warmUpS: number
  readonly measureS: number
  /** Ends the load early: `run` rejects. */
  readonly signal: AbortSignal
}

export interface WorkloadSite {
  readonly bed: Bed
  /** The VM that is measured. Directions are named from it. */
  readonly vm: BedVm
  /** The other end; workloads that need none (cpu-hog, idle) do not use it. */
  readonly peer: BedVm | undefined
  /** Unique within the cell and small, for TCP ports (20000 + 16 * slot ...) and file names. */
  readonly slot: number
  /** Of chance, for gaps and payloads. */
  readonly seed: number
}

export interface WorkloadResult {
  readonly metrics: Metrics
  /** Raw values behind them: time in s or delay in us over count, see record.ts. */
  readonly series?: Readonly<Record<string, (readonly [number, number])[]>>
  /** What really ran: program, version, options. */
  readonly ran?: Readonly<Record<string, unknown>>
}

export interface PreparedWorkload {
  run(window: LoadWindow): Promise<WorkloadResult>
  /** Ends servers, removes files. Never rejects. */
  close(): Promise<void>
}

export interface Workload<Settings = unknown> {
  readonly name: string
  /** One sentence. */
  readonly description: string
  readonly settings: z.ZodType<Settings>
  /** Kinds of VMs that it can measure. */
  readonly runsOn: readonly VmKind[]
  readonly needsPeer: boolean
  /** Names of further VMs that the settings ask for; each must be one of `runsOn`. */
  alsoOn?(settings: Settings): readonly string[]
  /** The metric that a rule or a chart takes when none is named. */
  readonly primary: keyof Metrics
  /** All metrics that a result can have, and all series. */
  readonly gives: readonly (keyof Metrics)[]
  readonly draws: readonly string[]
  /** About how many measured windows it takes, of a search that has many trials; default 1. */
  readonly windows?: number
  /** Throws NOT_FOUND (a program is missing: says what to install), GUEST, CONFIG. */
  prepare(site: WorkloadSite, settings: Settings): Promise<PreparedWorkload>
}
