/** Text and JSON for the terminal. */

/** A table with a head, columns two blanks apart; `right` says which columns are numbers. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? ''
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(line).join('\n')
}

/** A number in few digits: 0, 12.3, 4567, 1.23 M. */
export function shortNumber(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toString()
  return value.toFixed(1)
}

const DEFAULT_COLUMNS = 80
const LEAST_COLUMNS = 40

/** Columns that standard output has: the terminal's; 80 where it is none. */
export function outputColumns(): number {
  return Math.max(LEAST_COLUMNS, process.stdout.columns ?? DEFAULT_COLUMNS)
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One JSON line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}
