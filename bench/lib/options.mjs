import { parseArgs } from 'node:util'
import { reasonOf } from './cleanup.mjs'

/** @typedef {Record<string, { default: string | false | undefined, help: string }>} Known */

/**
 * The options of a bench. All have --json FILE, --quick and --seconds N; `--help` prints and ends.
 * @param {string} name of the npm script behind "bench:"
 * @param {string} about one line that says what is measured
 * @param {Known} more further options; a `false` default makes a switch of it
 * @returns {Record<string, any>} values by name
 */
export function readOptions(name, about, more = {}) {
  /** @type {Known} */
  const known = {
    json: { default: undefined, help: 'write machine, settings, raw data and summary to this file' },
    quick: { default: false, help: 'fewer cases, shorter runs: to see that it works, not to quote' },
    seconds: { default: undefined, help: 'length of one measurement' },
    ...more,
  }
  /** @type {import('node:util').ParseArgsConfig['options']} */
  const options = { help: { type: 'boolean', default: false } }
  for (const [key, each] of Object.entries(known)) {
    const type = each.default === false ? 'boolean' : 'string'
    options[key] = each.default === undefined ? { type } : { type, default: each.default }
  }
  let values
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`${reasonOf(error)}; npm run bench:${name} -- --help lists the options`)
    process.exit(2)
  }
  if (!values.help) return values
  console.log(`npm run bench:${name} -- [options]\n${about}\n`)
  for (const [key, each] of Object.entries(known))
    console.log(`  --${key.padEnd(12)} ${each.help}${each.default ? ` (default ${each.default})` : ''}`)
  process.exit(0)
}

/**
 * A list of numbers: "1,2,4". Ends the program when it is none.
 * @param {string} text
 * @returns {number[]}
 */
export function numbers(text) {
  const list = text.split(',').map(Number)
  if (list.length > 0 && list.every((value) => Number.isFinite(value) && value >= 0)) return list
  console.error(`"${text}" is no list of numbers like 1,2,4`)
  process.exit(2)
}
