/**
 * From a study to its cells. Everything that a file can have wrong is found here, before anything boots:
 * placeholders, unknown workloads, settings, names of VMs, cells that are there twice, figures of nothing.
 */

import { check, firstMistake } from '../../config/schema-check.js'
import { RingferryError } from '../../errors/errors.js'
import { type BedSpec, bedSchema, type VmKind, vmSchema } from '../bed/bed.js'
import { cellName, type Factors, type FactorValue } from '../record/record.js'
import type { Workload } from '../workload/workload.js'
import { type Cell, hasFactors, type StudyPlan, type WorkloadPlan } from './cell.js'
import { checkFigures } from './check-figures.js'
import { type CellTemplate, colocateCells } from './colocate.js'
import type { LoadedStudy } from './load.js'
import { fillIn, type Substitutes, UnknownPlaceholder } from './placeholders.js'
import { type Study, workloadUseSchema } from './study.js'

export interface ExpandOptions {
  readonly workloads: ReadonlyMap<string, Workload>
  /** What "$guests" stands for. */
  readonly guests: VmKind
  readonly quick?: boolean
  /** Only cells with one of the values of each factor named: {policy: ['natural', 'dim']}. */
  readonly only?: Readonly<Record<string, readonly FactorValue[]>>
  /** Loads of a colocation in place of the study's own. */
  readonly loads?: Record<string, Record<string, unknown>>
}

type Path = readonly PropertyKey[]
type Fail = (path: Path, text: string) => never

/** All combinations of factors, the first factor slowest. */
function combinations(factors: Readonly<Record<string, readonly FactorValue[]>>): Factors[] {
  return Object.entries(factors).reduce<Factors[]>(
    (done, [name, values]) =>
      done.flatMap((before) => [...new Set(values)].map((value) => ({ ...before, [name]: value }))),
    [{}],
  )
}

function groupCells(study: Study, guests: VmKind): CellTemplate[] {
  return study.cells.flatMap((group, index) => {
    const factors = fillIn(group.factors, { guests }) as typeof group.factors
    return combinations(factors)
      .filter((one) => !group.skip.some((left) => hasFactors(one, left)))
      .map((one) => ({
        factors: one,
        bed: group.bed,
        bedPath: ['cells', index, 'bed'],
        uses: group.workloads.map((use, at) => ({
          use,
          path: ['cells', index, 'workloads', at],
          values: {},
        })),
        window: group.window,
      }))
  })
}

/** A template filled in; a placeholder that stands for nothing is a mistake in the file. */
function fill(template: unknown, values: Substitutes, path: Path, fail: Fail): unknown {
  try {
    return fillIn(template, values)
  } catch (error) {
    if (error instanceof UnknownPlaceholder) return fail([...path, ...error.path], error.message)
    throw error
  }
}

/** `{count, name, ...}` becomes VMs name1 ... nameN; a single group may stand for the list. */
export function expandVms(vms: unknown, fail: (text: string) => never): unknown {
  const list = Array.isArray(vms) ? vms : [vms]
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('count' in entry)) return [entry]
    const { count, name = 'vm', ...rest } = entry as { count: unknown; name?: unknown }
    if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > 64)
      return fail(`count is ${JSON.stringify(count)}; it must be a whole number from 1 to 64`)
    return Array.from({ length: count as number }, (_, index) => ({ ...rest, name: `${name}${index + 1}` }))
  })
}

function makeBed(template: CellTemplate, values: Substitutes, fail: Fail): BedSpec {
  const { bedPath } = template
  const filled = fill(template.bed, values, bedPath, fail) as Record<string, unknown>
  const bed = { ...filled, vms: expandVms(filled.vms, (text) => fail([...bedPath, 'vms'], text)) }
  const { value, mistakes } = check(bedSchema, bed, 'the bed')
  if (mistakes) return fail([...bedPath, ...mistakes[0].path], firstMistake(mistakes, 'the bed'))
  const names = value.vms.map((vm) => vm.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return fail([...bedPath, 'vms'], `two VMs are called "${twice}"`)
  return value
}

/** `vm: each` becomes one use for every VM whose name begins with `each`; "$vm" and "$n" stand for the VM then. */
function eachUse(use: Record<string, unknown>, bed: BedSpec, path: Path, fail: Fail) {
  if (use.vm !== 'each') {
    if (use.each !== undefined) return fail([...path, 'each'], '"each" needs "vm: each" beside it')
    return [{ use, values: {} }]
  }
  const { each = '', label = use.run, ...rest } = use
  const vms = bed.vms.filter((vm) => vm.name.startsWith(String(each)))
  if (vms.length === 0) return fail([...path, 'each'], `no VM has a name that begins with "${each}"`)
  return vms.map((vm, index) => ({
    use: { ...rest, vm: vm.name, label: `${label}-${vm.name}` } as Record<string, unknown>,
    values: { vm: vm.name, n: index + 1 },
  }))
}

function makeUse(
  filled: unknown,
  bed: BedSpec,
  path: Path,
  workloads: ExpandOptions['workloads'],
  fail: Fail,
): WorkloadPlan & { readonly unfit?: string } {
  const { value, mistakes } = check(workloadUseSchema, filled, 'the workload')
  if (mistakes) return fail([...path, ...mistakes[0].path], firstMistake(mistakes, 'the workload'))
  const { run, label = run, vm, peer, settings } = value
  const workload = workloads.get(run)
  if (!workload)
    return fail([...path, 'run'], `there is no workload "${run}"; known: ${[...workloads.keys()].join(', ')}`)
  for (const [key, name] of [['vm', vm] as const, ['peer', peer] as const]) {
    if (name !== undefined && !bed.vms.some((one) => one.name === name))
      return fail(
        [...path, key],
        `no VM is called "${name}"; there are ${bed.vms.map((one) => one.name).join(', ')}`,
      )
  }
  if (workload.needsPeer && peer === undefined)
    return fail(path, `the workload ${run} needs a peer; add peer: NAME`)
  if (peer === vm) return fail([...path, 'peer'], `"${vm}" cannot be its own peer`)
  const checked = check(workload.settings, settings, 'settings')
  if (checked.mistakes)
    return fail(
      [...path, 'settings', ...checked.mistakes[0].path],
      `${run}: ${firstMistake(checked.mistakes, 'settings')}`,
    )
  const kindOf = (name: string): VmKind | undefined => bed.vms.find((one) => one.name === name)?.kind
  const kind = kindOf(vm) as VmKind
  for (const name of workload.alsoOn?.(checked.value) ?? []) {
    const other = kindOf(name)
    if (other === undefined || !workload.runsOn.includes(other) || name === vm || name === peer)
      return fail(
        [...path, 'settings'],
        `${run}: "${name}" is no further VM of a kind that it measures (${workload.runsOn.join(', ')})`,
      )
  }
  return {
    ...{ label, run, vm, ...(peer === undefined ? {} : { peer }) },
    settings: (checked.value ?? {}) as Record<string, unknown>,
    ...(workload.runsOn.includes(kind)
      ? {}
      : { unfit: `${run} cannot measure a VM of kind ${kind}, only ${workload.runsOn.join(', ')}` }),
  }
}

function makeCell(template: CellTemplate, study: Study, options: ExpandOptions, fail: Fail): Cell {
  const values = { ...template.factors, guests: options.guests }
  const id = cellName(template.factors)
  const bed = makeBed(template, values, fail)
  const uses = template.uses.flatMap(({ use, path, values: own }) =>
    eachUse(use, bed, path, fail).map((one) =>
      makeUse(
        fill(one.use, { ...values, ...own, ...one.values }, path, fail),
        ...([bed, path, options.workloads, fail] as const),
      ),
    ),
  )
  const labels = uses.map((use) => use.label)
  const twice = labels.find((label, index) => labels.indexOf(label) !== index)
  if (twice !== undefined)
    return fail(template.uses[0]?.path ?? [], `${id}: two workloads are called "${twice}"; give labels`)
  const unfit = uses.find((use) => use.unfit !== undefined)?.unfit
  return {
    ...{ id, factors: template.factors, bed },
    uses: uses.map(({ unfit: _, ...use }) => use),
    window: {
      warmUpS: pick('warmUpS', template, study, options),
      measureS: pick('measureS', template, study, options),
    },
    windows: Math.max(...uses.map(({ run }) => options.workloads.get(run)?.windows ?? 1)),
    aa: false,
    ...(unfit === undefined ? {} : { impossible: unfit }),
  }
}

function pick(
  name: 'warmUpS' | 'measureS',
  template: CellTemplate,
  study: Study,
  options: ExpandOptions,
): number {
  const quick = options.quick ? study.quick.window[name] : undefined
  return quick ?? template.window?.[name] ?? study.window[name]
}

/** Of the user's wishes. Throws USAGE when a factor or a value is not in the study. */
function wanted(cells: readonly CellTemplate[], only: NonNullable<ExpandOptions['only']>): CellTemplate[] {
  for (const [name, values] of Object.entries(only)) {
    const known = [...new Set(cells.flatMap(({ factors }) => factors[name] ?? []).map(String))]
    if (known.length === 0) {
      const names = [...new Set(cells.flatMap(({ factors }) => Object.keys(factors)))]
      throw new RingferryError('USAGE', `no cell has a factor "${name}"; there are ${names.join(', ')}`)
    }
    const odd = values.find((value) => !known.includes(String(value)))
    if (odd !== undefined)
      throw new RingferryError('USAGE', `no cell has ${name}=${odd}; there are ${known.join(', ')}`)
  }
  return cells.filter(({ factors }) =>
    Object.entries(only).every(([name, values]) =>
      values.some((value) => hasFactors(factors, { [name]: value })),
    ),
  )
}

/** The study's own choice for --quick; cells without the factor stay. */
function quickly(cells: readonly CellTemplate[], only: Study['quick']['only']): CellTemplate[] {
  return cells.filter(({ factors }) =>
    Object.entries(only).every(
      ([name, values]) =>
        factors[name] === undefined || values.some((value) => hasFactors(factors, { [name]: value })),
    ),
  )
}

function bedNames(study: Study, guests: VmKind, fail: Fail): string[] {
  const vms = fill(study.colocate?.bed.vms, { guests }, ['colocate', 'bed', 'vms'], fail)
  const list = expandVms(vms, (text) => fail(['colocate', 'bed', 'vms'], text)) as unknown[]
  return list.map(
    (entry) => vmSchema.shape.name.safeParse((entry as { name?: unknown } | null)?.name).data ?? '',
  )
}

/**
 * The cells of a study, in its order. Throws CONFIG (file, line, column, one mistake) and USAGE (`only` names
 * what is not there, or nothing is left).
 */
export function expandStudy(loaded: LoadedStudy, options: ExpandOptions): StudyPlan {
  const { guests, quick = false, loads } = options
  const fail: Fail = (path, text) => {
    throw new RingferryError('CONFIG', `${loaded.at(path)}: ${text}`)
  }
  if (loads && !loaded.study.colocate)
    throw new RingferryError(
      'USAGE',
      `the study ${loaded.study.name} has no colocate part; --loads-from is for colocation`,
    )
  const study: Study =
    loads && loaded.study.colocate
      ? { ...loaded.study, colocate: { ...loaded.study.colocate, loads } }
      : loaded.study
  const templates = [
    ...groupCells(study, guests),
    ...(study.colocate ? colocateCells(study.colocate, bedNames(study, guests, fail)) : []),
  ]
  // Everything is checked, also what is then left out.
  const all = templates.map((template) => ({ template, cell: makeCell(template, study, options, fail) }))
  const seen = new Set<string>()
  for (const { cell } of all) {
    if (seen.has(cell.id))
      fail(['cells'], `the cell ${cell.id} is there twice; give the groups a factor that differs`)
    seen.add(cell.id)
  }
  // The figures of a study were made for its own loads.
  if (!loads) checkFigures(study, { cells: all.map(({ cell }) => cell), workloads: options.workloads, fail })
  const kept = new Set(wanted(quick ? quickly(templates, study.quick.only) : templates, options.only ?? {}))
  const cells = all.filter(({ template }) => kept.has(template)).map(({ cell }) => cell)
  if (cells.length === 0)
    throw new RingferryError('USAGE', 'no cell of the study is left; ask for fewer factors')
  const twin = study.aa && cells.find((cell) => hasFactors(cell.factors, study.aa as Factors))
  const rounds = { ...study.rounds, ...(quick ? defined(study.quick.rounds) : {}) }
  return {
    ...{ study, guests, quick },
    cells: cells.map((cell) => (cell === twin ? { ...cell, aa: true } : cell)),
    rounds: { ...rounds, max: Math.max(rounds.min, rounds.max) },
    primary: study.primary,
  }
}

function defined<T extends object>(object: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>
  }
}
