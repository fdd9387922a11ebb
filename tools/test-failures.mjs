// What failed, told once more and in short at the end of `npm test`: of a long log often only the end is kept.
import { existsSync, readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/** The environment variable that names the file failures-reporter.mjs writes. */
export const FAILURES_FILE = 'RINGFERRY_FAILURES_FILE'
const MAX_FAILURES = 20
const MAX_LINES = 15

/**
 * `where`: the file or step; `name`: of the test, or empty; `text`: places and message, or the end of an output.
 * @typedef {{ where: string, name: string, text: string }} Failure
 */

/** @param {string} text */
const linesOf = (text) => stripVTControlCharacters(text).trimEnd().split('\n')

/**
 * The failure of a command: its last lines tell most.
 * @param {string} where
 * @param {string} output
 * @returns {Failure}
 */
export function failureOfOutput(where, output) {
  return { where, name: '', text: linesOf(output).slice(-MAX_LINES).join('\n') }
}

/**
 * The failures of a run of vitest. A run that failed and says of nothing what (it crashed) is told by its output.
 * @param {string} where name of the run
 * @param {string} file what failures-reporter.mjs wrote
 * @param {{ code: number, output: string }} ended of the run
 * @returns {Failure[]}
 */
export function readFailures(where, file, { code, output }) {
  /** @type {Failure[]} */
  const failures = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  if (code === 0 || failures.length > 0) return failures
  return [failureOfOutput(`${where} tests, which ended with code ${code}`, output)]
}

/**
 * Lines that repeat failures, of each only the first ones.
 * @param {Failure[]} failures
 * @returns {string[]}
 */
export function repeatFailures(failures) {
  const told = failures.slice(0, MAX_FAILURES).flatMap(({ where, name, text }) => {
    const lines = text === '' ? [] : linesOf(text)
    const cut = lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES - 1), '...'] : lines
    return ['', `FAIL  ${where}`, ...(name ? [`  ${name}`] : []), ...cut.map((line) => `    ${line}`)]
  })
  const more = failures.length - MAX_FAILURES
  return more > 0 ? [...told, '', `and ${more} more failures, told above`] : told
}
