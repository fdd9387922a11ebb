/** From a plan to a run on the disk: a new one with its provenance, or one that goes on. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { RingferryError } from '../../errors/errors.js'
import type { RunHeader } from '../record/record.js'
import { RECORD_VERSION } from '../record/record.js'
import { type StudyPlan, studyHash } from '../study/cell.js'
import { RUN_FILE, readRun, type StoredRun } from './store.js'

/** Where runs lie when no folder is named. */
export const RUNS_FOLDER = 'ringferry-lab'

/** "seed-20261124-093012", in local time. */
export function runName(study: string, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`
  return `${study}-${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`
}

/** The first line of a new run. @param machine what it is made on (describeMachine) */
export function makeHeader(
  plan: StudyPlan,
  {
    run,
    seed,
    startedAt,
    machine,
  }: {
    readonly run: string
    readonly seed: number
    readonly startedAt: string
    readonly machine: Readonly<Record<string, unknown>>
  },
): RunHeader {
  return {
    ...{ type: 'run', version: RECORD_VERSION, run, seed, startedAt },
    study: JSON.parse(JSON.stringify(plan.study)) as Record<string, unknown>,
    studyHash: studyHash(plan),
    quick: plan.quick,
    guests: plan.guests,
    machine: { ...machine },
    planned: plan.cells.map(({ id, factors }) => ({ cell: id, factors })),
  }
}

/** How a run ended the last time. */
export function isFinished(run: StoredRun): boolean {
  return run.records.findLast(({ type }) => type === 'finished' || type === 'resumed')?.type === 'finished'
}

/** The newest run of a study below a folder that has not finished. Throws NOT_FOUND. */
export function newestUnfinished(parent: string, study: string): string {
  const folders = existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : []
  const runs = folders
    .filter((folder) => existsSync(join(folder, RUN_FILE)))
    .flatMap((folder) => {
      try {
        return [readRun(folder)]
      } catch {
        // A run that cannot be read is not the one to go on with; asked for by name, it says why.
        return []
      }
    })
  const [newest] = runs
    .filter((run) => run.header.study.name === study && !isFinished(run))
    .sort((a, b) => (a.header.startedAt < b.header.startedAt ? 1 : -1))
  if (newest) return newest.folder
  throw new RingferryError(
    'NOT_FOUND',
    `no unfinished run of ${study} in ${parent}; name one (--resume RUN) or start anew without --resume`,
  )
}

/**
 * The plan cut to what a run planned, for going on with it. Throws CONFIG when study or options are not those that
 * it was begun with.
 */
export function planOf(run: StoredRun, plan: StudyPlan): StudyPlan {
  const { header, folder } = run
  if (header.studyHash !== studyHash(plan))
    throw new RingferryError(
      'CONFIG',
      `${folder}: begun with another study or other options (${header.study.name}, guests ${header.guests}${header.quick ? ', --quick' : ''}); values of two studies do not mix, start a new run`,
    )
  const cells = header.planned.map(({ cell }) => {
    const found = plan.cells.find(({ id }) => id === cell)
    if (found) return found
    throw new RingferryError('CONFIG', `${folder}: the study has no cell ${cell} any more; start a new run`)
  })
  return { ...plan, cells }
}
