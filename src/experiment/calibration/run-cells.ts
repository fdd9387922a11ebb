/**
 * A run of the lab as its cells: what was built and loaded, and what was measured. Cells are split into those that costs are
 * fitted to and those that are held out: in the order of the SHA-256 of their names the first third is held out. So the split
 * is the same for everybody, whatever the order of the study, and nobody chooses it.
 */
import { createHash } from 'node:crypto'
import { check, firstMistake } from '../../config/schema-check.js'
import { RingferryError } from '../../errors/errors.js'
import { pathText } from '../../errors/setting-error.js'
import { runData } from '../../lab/analysis/run-cells.js'
import type { VmKind } from '../../lab/bed/bed.js'
import { VM_KINDS } from '../../lab/bed/bed.js'
import type { Measurement, RunHeader } from '../../lab/record/record.js'
import { readRun } from '../../lab/run/store.js'
import type { Cell } from '../../lab/study/cell.js'
import { expandStudy } from '../../lab/study/expand.js'
import { studySchema } from '../../lab/study/study.js'
import { WORKLOADS } from '../../lab/workload/registry.js'

export interface MeasuredCell {
  readonly cell: Cell
  /** Those before which the machine was quiet; all where it never was. */
  readonly measurements: readonly Measurement[]
}

export interface CalibrationRun {
  readonly folder: string
  readonly header: RunHeader
  /** Those that were measured, in the order of the study. */
  readonly cells: readonly MeasuredCell[]
}

/** One in so many is held out. */
const PARTS = 3
export const SPLIT = `the first of ${PARTS} parts in the order of the SHA-256 of their names is held out`

/** Reads a run. Throws NOT_FOUND, PERMISSION, CONFIG. */
export function readCalibrationRun(folder: string): CalibrationRun {
  const stored = readRun(folder)
  const { header } = stored
  const { value: study, mistakes } = check(studySchema, header.study, 'the study')
  if (mistakes)
    throw new RingferryError(
      'CONFIG',
      `${folder}: its study is not one of this version (${firstMistake(mistakes, 'it')})`,
    )
  const guests = VM_KINDS.find((kind) => kind === header.guests)
  if (!guests) throw new RingferryError('CONFIG', `${folder}: no kind of guests is called "${header.guests}"`)
  const plan = expandStudy(
    { study, file: folder, at: (path) => `${folder}: ${pathText(path)}` },
    {
      workloads: new Map(WORKLOADS.map((workload) => [workload.name, workload])),
      guests,
      quick: header.quick,
    },
  )
  const data = runData([header, ...stored.records])
  const cells = plan.cells.flatMap((cell) => {
    const measurements = data.cells.find(({ id }) => id === cell.id)?.measurements ?? []
    const quiet = measurements.filter(({ noise }) => noise.verdict === 'quiet')
    return measurements.length === 0 ? [] : [{ cell, measurements: quiet.length > 0 ? quiet : measurements }]
  })
  return { folder, header, cells }
}

const digest = (name: string): string => createHash('sha256').update(name).digest('hex')

/** The names of the cells that are held out of a fit. */
export function heldOutOf(names: readonly string[]): string[] {
  const sorted = [...names].sort((a, b) => (digest(a) < digest(b) ? -1 : 1))
  return sorted.slice(0, Math.round(names.length / PARTS))
}

/** The kinds of VMs whose rings are virtio's own: others cost the switch system calls a frame. */
const ON_RINGS: readonly VmKind[] = ['embedded', 'uml', 'qemu']

/** Whether the costs of the switch, as the simulator has them, are those of a cell. */
export function isOnRings({ bed }: Cell): boolean {
  return (
    bed.switch.kind === 'ringferry' &&
    bed.vms.every(({ kind, model }) => ON_RINGS.includes(kind) && model === 'virtio')
  )
}
