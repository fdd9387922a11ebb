/** Cells on the two factors of a chart: categories or points along x, a series for each other combination. */
import { cellsWhere, type RunCell } from '../analysis/run-cells.js'
import type { Factors } from '../record/record.js'

export interface GridCell {
  readonly x: string
  readonly series: string
  readonly cell: RunCell
}

export interface Grid {
  readonly xs: readonly string[]
  readonly series: readonly string[]
  readonly cells: readonly GridCell[]
  /** Factors, beside the chart's own, that tell cells at one place apart: they are in the names of the series. */
  readonly extra: readonly string[]
}

const text = (cell: RunCell, factor: string | undefined): string =>
  factor === undefined ? '' : String(cell.factors[factor] ?? '')

/**
 * Lays cells that have the factor `x` on a grid, in the order of the plan. No two cells share a place: factors by
 * which they differ become part of the name of the series.
 */
export function gridOf(
  cells: readonly RunCell[],
  x: string,
  series: string | undefined,
  where: Factors | undefined,
): Grid {
  const chosen = cellsWhere(cells, where).filter(({ factors }) => factors[x] !== undefined)
  const others = [...new Set(chosen.flatMap(({ factors }) => Object.keys(factors)))].filter(
    (name) => name !== x && name !== series && new Set(chosen.map((cell) => text(cell, name))).size > 1,
  )
  const extra: string[] = []
  const nameOf = (cell: RunCell): string =>
    [
      text(cell, series),
      ...extra
        .filter((name) => cell.factors[name] !== undefined)
        .map((name) => `${name} ${text(cell, name)}`),
    ]
      .filter((part) => part !== '')
      .join(', ')
  const clashes = (): boolean =>
    new Set(chosen.map((cell) => `${text(cell, x)}\n${nameOf(cell)}`)).size < chosen.length
  for (const name of others) if (clashes()) extra.push(name)
  const placed = chosen.map((cell) => ({ x: text(cell, x), series: nameOf(cell), cell }))
  return {
    xs: [...new Set(placed.map((each) => each.x))],
    series: [...new Set(placed.map((each) => each.series))],
    cells: placed,
    extra,
  }
}

/**
 * Without the places where a measured cell has no such value: a study's chart of throughput is not about its idle
 * cells. Places that failed or wait for their measurement stay, as missing.
 */
export function withoutForeign(grid: Grid, has: (cell: RunCell) => boolean): Grid {
  const foreign = (members: readonly GridCell[]): boolean =>
    members.some(({ cell }) => cell.measurements.length > 0) && !members.some(({ cell }) => has(cell))
  const xs = grid.xs.filter((x) => !foreign(grid.cells.filter((each) => each.x === x)))
  const series = grid.series.filter((name) => !foreign(grid.cells.filter((each) => each.series === name)))
  return {
    ...grid,
    xs,
    series,
    cells: grid.cells.filter((each) => xs.includes(each.x) && series.includes(each.series)),
  }
}
