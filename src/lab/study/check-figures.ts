/**
 * Whether a study's figures can show anything: every factor that they name is one of some cell, with that value, and
 * every metric and series is given by a workload of the cells that they show. Found before anything is measured.
 */
import { CELL_METRICS, type MetricName } from '../record/metrics.js'
import type { Workload } from '../workload/workload.js'
import { type Cell, hasFactors } from './cell.js'
import type { Figure, Study, Value } from './study.js'

type Path = readonly PropertyKey[]

interface Context {
  readonly cells: readonly Cell[]
  readonly workloads: ReadonlyMap<string, Workload>
  readonly fail: (path: Path, text: string) => never
}

const listed = (names: Iterable<string>): string => [...new Set(names)].join(', ') || 'none'

/** The factor exists. */
function checkFactor(name: string, path: Path, { cells, fail }: Context): void {
  const names = cells.flatMap(({ factors }) => Object.keys(factors))
  if (!names.includes(name)) fail(path, `no cell has a factor "${name}"; there are ${listed(names)}`)
}

/** Factors with values that some cell has; returns those cells. */
function checkWhere(where: Study['aa'], path: Path, context: Context): readonly Cell[] {
  const { cells, fail } = context
  for (const [name, value] of Object.entries(where ?? {})) {
    checkFactor(name, [...path, name], context)
    if (!cells.some(({ factors }) => hasFactors(factors, { [name]: value }))) {
      const values = cells.flatMap(({ factors }) =>
        factors[name] === undefined ? [] : String(factors[name]),
      )
      fail([...path, name], `no cell has ${name}=${value}; there are ${listed(values)}`)
    }
  }
  const found = cells.filter(({ factors }) => hasFactors(factors, where ?? {}))
  if (found.length === 0) fail(path, 'no cell has all of these factors together')
  return found
}

/** Cells that have one of the values of each factor; every value is some cell's. */
function checkOnly(
  only: Extract<Figure, { figure: 'against' }>['only'],
  path: Path,
  context: Context,
): readonly Cell[] {
  for (const [name, values] of Object.entries(only))
    for (const value of values) checkWhere({ [name]: value }, path, context)
  const found = context.cells.filter(({ factors }) =>
    Object.entries(only).every(([name, values]) =>
      values.some((value) => hasFactors(factors, { [name]: value })),
    ),
  )
  if (found.length === 0) context.fail(path, 'no cell has all of these factors together')
  return found
}

/** What is compared is there, and something else to compare it with; columns are given by all that are compared. */
function checkAgainst(figure: Extract<Figure, { figure: 'against' }>, path: Path, context: Context): void {
  const cells = checkOnly(figure.only, [...path, 'only'], context)
  const { factor, one, columns } = figure
  const among = { ...context, cells }
  checkFactor(factor, [...path, 'factor'], among)
  checkWhere({ [factor]: one }, [...path, 'one'], among)
  if (cells.every(({ factors }) => hasFactors(factors, { [factor]: one })))
    context.fail([...path, 'one'], `no cell has another ${factor} than ${one}`)
  for (const [at, { value }] of columns.entries()) checkValue(value, cells, [...path, 'columns', at], context)
}

/** The uses of workloads that a label names; also all "label-VM" of an `each`. */
function usesOf(cells: readonly Cell[], of: string | undefined): Cell['uses'][number][] {
  return cells
    .flatMap(({ uses }) => uses)
    .filter(({ label, vm }) => of === undefined || label === of || label === `${of}-${vm}`)
}

function checkLabel(of: string | undefined, cells: readonly Cell[], path: Path, { fail }: Context): void {
  if (of === undefined || usesOf(cells, of).length > 0) return
  const labels = usesOf(cells, undefined).map(({ label, vm }) => label.replace(new RegExp(`-${vm}$`), ''))
  fail([...path, 'of'], `no workload is called "${of}"; there are ${listed(labels)}`)
}

/** A metric that a cell has, or one of the workloads named gives. */
function checkValue(value: Value, cells: readonly Cell[], path: Path, context: Context): void {
  const { metric, of } = value
  checkLabel(of, cells, path, context)
  if (of === undefined && CELL_METRICS.includes(metric)) return
  const given = usesOf(cells, of).flatMap(({ run }) => context.workloads.get(run)?.gives ?? [])
  if (given.includes(metric)) return
  const who = of === undefined ? 'no workload of these cells' : `no workload "${of}"`
  const known: MetricName[] = of === undefined ? [...given, ...CELL_METRICS] : given
  context.fail([...path, 'metric'], `${who} gives ${metric}; there are ${listed(known)}`)
}

/** Metrics of a matrix, by load or workload. */
function checkMatrixValues(
  values: Readonly<Record<string, MetricName>>,
  cells: readonly Cell[],
  path: Path,
  { workloads, fail }: Context,
): void {
  for (const [name, metric] of Object.entries(values)) {
    const uses = cells.flatMap(({ factors, uses }) =>
      uses.filter(({ label, run }) => label === 'victim' && (run === name || factors.victim === name)),
    )
    if (uses.length === 0) fail([...path, name], `no victim is a load or workload "${name}"`)
    const given = uses.flatMap(({ run }) => workloads.get(run)?.gives ?? [])
    if (!given.includes(metric))
      fail([...path, name], `${name} gives no ${metric}; there are ${listed(given)}`)
  }
}

function checkSeries(
  figure: { readonly of: string; readonly name: string },
  cells: readonly Cell[],
  path: Path,
  context: Context,
): void {
  checkLabel(figure.of, cells, path, context)
  const given = usesOf(cells, figure.of).flatMap(({ run }) => context.workloads.get(run)?.draws ?? [])
  if (!given.includes(figure.name))
    context.fail([...path, 'name'], `"${figure.of}" has no series ${figure.name}; there are ${listed(given)}`)
}

function checkFigure(figure: Figure, path: Path, context: Context): void {
  const cells = 'where' in figure ? checkWhere(figure.where, [...path, 'where'], context) : context.cells
  const factor = (name: string | undefined, key: string): void => {
    if (name !== undefined) checkFactor(name, [...path, key], context)
  }
  const value = (one: Value | undefined, ...keys: PropertyKey[]): void => {
    if (one !== undefined) checkValue(one, cells, [...path, ...keys], context)
  }
  switch (figure.figure) {
    case 'bars':
    case 'lines':
      factor(figure.x, 'x')
      factor(figure.series, 'series')
      value(figure.value, 'value')
      if (figure.figure === 'bars') checkWhere(figure.relativeTo, [...path, 'relativeTo'], context)
      return
    case 'frontier':
      factor(figure.series, 'series')
      factor(figure.label, 'label')
      value(figure.x, 'x')
      value(figure.y, 'y')
      value(figure.size, 'size')
      checkWhere(figure.mark, [...path, 'mark'], context)
      return
    case 'matrix':
      checkMatrixValues(figure.values, cells, [...path, 'values'], context)
      return
    case 'series':
      factor(figure.series, 'series')
      checkSeries(figure, cells, path, context)
      return
    case 'cdf':
      factor(figure.series, 'series')
      checkSeries({ ...figure, name: 'percentiles' }, cells, path, context)
      return
    case 'table':
      for (const [at, column] of figure.columns.entries()) value(column, 'columns', at)
      return
    case 'against':
      checkAgainst(figure, path, context)
      return
    case 'clusters':
      for (const [at, metric] of figure.features.entries())
        if (!CELL_METRICS.includes(metric)) value({ metric }, 'features', at)
  }
}

/** A figure in a sentence is of one cell, and the sentence names the figures that it has. */
function checkAnswer({ text, values }: Study['answer'][number], path: Path, context: Context): void {
  const { fail } = context
  const named = [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name as string)
  for (const name of named)
    if (!(name in values))
      fail([...path, 'text'], `no value is called "${name}"; there are ${listed(Object.keys(values))}`)
  for (const [name, value] of Object.entries(values)) {
    const at = [...path, 'values', name]
    if (!named.includes(name)) fail(at, `the sentence has no {${name}}`)
    const cells = checkWhere(value.where, [...at, 'where'], context)
    if (cells.length > 1) fail([...at, 'where'], `${cells.length} cells have these factors; name one`)
    checkWhere(value.relativeTo, [...at, 'relativeTo'], context)
    checkValue(value, cells, at, context)
  }
}

/** Checks what is watched, the A/A pair, the sentences of the answer and all figures. `fail` is told of the first mistake. */
export function checkFigures(study: Study, context: Context): void {
  checkValue(study.primary, context.cells, ['primary'], context)
  checkWhere(study.aa, ['aa'], context)
  for (const [at, sentence] of study.answer.entries()) checkAnswer(sentence, ['answer', at], context)
  for (const [at, figure] of study.report.entries()) checkFigure(figure, ['report', at], context)
}
