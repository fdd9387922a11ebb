// How benches show and keep their figures: machine, settings, a table of medians with 95 % intervals, raw data.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { medianInterval, ratioOfMedians } from '../../dist/stats/interval.js'
import { describe } from './machine.mjs'

const SEED = 20_240_601

/** Three significant digits without an exponent. */
export function short(value) {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 1000) return String(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

/** Values as estimate, low and high of a median with its 95 % interval; values that are no numbers left out. */
export function summarise(values) {
  return medianInterval(values.filter(Number.isFinite), { seed: SEED })
}

/** "12.3 [11.9, 12.8]" */
export function shown({ estimate, low, high }) {
  return `${short(estimate)} [${short(low)}, ${short(high)}]`
}

/** The ratio of the medians of runs made in pairs, pairs with a missing value left out. */
export function ratio(a, b) {
  const pairs = a.map((value, index) => [value, b[index]]).filter((pair) => pair.every(Number.isFinite))
  return ratioOfMedians(
    pairs.map(([value]) => value),
    pairs.map(([, value]) => value),
    { seed: SEED },
  )
}

/** Prints rows of text under their names, first column to the left. */
export function table(names, rows) {
  const all = [names, ...rows.map((row) => row.map(String))]
  const widths = names.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  for (const row of all)
    console.log(
      row
        .map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
}

/** Prints what was run on what. Returns the machine. */
export function header(title, settings) {
  const machine = describe()
  console.log(title)
  console.log(
    `${machine.date}  ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`,
  )
  console.log(
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  )
  return machine
}

/** Writes results to a file. */
export function save(file, results) {
  if (!file) return
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(results))
  console.log(`raw data: ${file}`)
}

/** Tells on standard error how far a bench is. */
export function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else console.error(text)
}

/** Takes the last line of progress away. */
export function progressEnd() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}
