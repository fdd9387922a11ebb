/** From the options of `lab run` to a plan. */
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { isXenBed } from '../lab/bed/xen-plan.js'
import { fetchGuestPackages } from '../lab/guest/fetch.js'
import type { StudyKind } from '../lab/guest/spec.js'
import { findTool } from '../lab/guest/tools.js'
import { chooseKind } from '../lab/machine/choose-guests.js'
import { bestGuestKind } from '../lab/machine/doctor.js'
import { newestUnfinished, planOf, RUNS_FOLDER } from '../lab/run/begin.js'
import { readRun, type StoredRun } from '../lab/run/store.js'
import type { StudyPlan } from '../lab/study/cell.js'
import { readChosenLoads } from '../lab/study/colocate.js'
import { expandStudy } from '../lab/study/expand.js'
import { loadStudy } from '../lab/study/load.js'
import { WORKLOADS } from '../lab/workload/registry.js'
import type { Workload } from '../lab/workload/workload.js'
import { needXen } from '../lab/xen/needs.js'

/** All workloads by name. */
export const KNOWN_WORKLOADS: ReadonlyMap<string, Workload> = new Map(
  WORKLOADS.map((workload) => [workload.name, workload]),
)

export type OnlyFactors = Readonly<Record<string, readonly string[]>>

export interface LabRunOptions {
  readonly quick?: boolean
  readonly guests?: StudyKind
  readonly seed?: number
  readonly out?: string
  /** A run, or true: the newest that did not finish. */
  readonly resume?: string | true
  readonly strict?: boolean
  readonly json?: string | true
  readonly only?: OnlyFactors
  readonly loadsFrom?: string
  readonly dryRun?: boolean
}

/** Collects `--only factor=value`: several values of one factor are alternatives. */
export function collectOnly(text: string, before: OnlyFactors = {}): OnlyFactors {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('give factor=value, e.g. policy=natural')
  return { ...before, [name]: [...(before[name] ?? []), value] }
}

/** The run that is to go on, if one is asked for. Options that would make it another study are refused. */
function resumed(study: string, options: LabRunOptions): StoredRun | undefined {
  const { resume, out } = options
  if (resume === undefined) return undefined
  for (const [flag, given] of [
    ['--only', options.only],
    ['--seed', options.seed],
    ['--out', out],
  ] as const) {
    if (given !== undefined)
      throw new RingferryError(
        'USAGE',
        `${flag} belongs to a new run; --resume goes on as the run was planned`,
      )
  }
  return readRun(
    resume === true ? newestUnfinished(resolve(RUNS_FOLDER), loadStudy(study).study.name) : resume,
  )
}

async function kindOf(
  wanted: StudyKind | undefined,
  dry: boolean,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<StudyKind> {
  if (dry) return wanted ?? bestGuestKind() ?? 'embedded'
  const tools = {
    has: (program: string) => findTool(program) !== undefined,
    best: async () => bestGuestKind(),
    fetch: async () => {
      await fetchGuestPackages({ onProgress: progress, signal })
    },
  }
  return chooseKind(wanted, tools, progress)
}

/** Decides what is measured. Throws CONFIG, USAGE, NOT_FOUND, UNSUPPORTED before anything is started. */
export async function planRun(
  name: string,
  options: LabRunOptions,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<{ readonly plan: StudyPlan; readonly before: StoredRun | undefined }> {
  const before = resumed(name, options)
  const general = loadStudy(name)
  // Mistakes of the file are told before kernels are fetched for it.
  const loads = options.loadsFrom === undefined ? {} : { loads: readChosenLoads(options.loadsFrom) }
  const only = options.only ? { only: options.only } : {}
  const quick = options.quick ?? before?.header.quick ?? false
  const { guests } = general.study
  const wanted =
    options.guests ??
    (before?.header.guests as StudyKind | undefined) ??
    (guests === 'best' ? undefined : guests)
  if (wanted === undefined)
    expandStudy(general, { workloads: KNOWN_WORKLOADS, guests: 'uml', quick, ...loads })
  const kind = await kindOf(wanted, options.dryRun ?? false, progress, signal)
  const plan = expandStudy(loadStudy(name, kind), {
    workloads: KNOWN_WORKLOADS,
    guests: kind,
    quick,
    ...only,
    ...loads,
  })
  if (!options.dryRun && plan.cells.some(({ bed }) => isXenBed(bed))) await needXen(progress)
  return { plan: before ? planOf(before, plan) : plan, before }
}

/** Whether a plan makes devices of the host's kernel: TAPs, pairs, bridges. */
export function usesNetworkRights({ cells }: StudyPlan): boolean {
  return cells.some(
    ({ bed, impossible }) =>
      impossible === undefined &&
      !isXenBed(bed) &&
      (!['ringferry', 'testpmd'].includes(bed.switch.kind) ||
        bed.vms.some(({ kind }) => kind === 'netns' || kind === 'host')),
  )
}
