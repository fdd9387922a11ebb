// Counts of test results, from vitest's JSON files.
import { existsSync, readFileSync } from 'node:fs'

/**
 * `names`: host tests that count as failed because they were skipped; `skippedNames`: those that were skipped.
 * @typedef {{ passed: number, failed: number, skipped: number, skippedNames: string[], names: string[] }} Counts
 */

/** @type {Counts} */
export const NOTHING = { passed: 0, failed: 0, skipped: 0, skippedNames: [], names: [] }

/**
 * @param {Counts} a
 * @param {Counts} b
 * @returns {Counts}
 */
export function addCounts(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    skippedNames: [...a.skippedNames, ...b.skippedNames],
    names: [...a.names, ...b.names],
  }
}

/**
 * What a run of vitest found. A file that fails before its tests count as one failed test each, and so does a run
 * that fails without a failed test (an unhandled error, a crash, no report).
 * @param {string} file the report of vitest's JSON reporter
 * @param {number} code the exit code of vitest
 * @returns {Counts}
 */
export function countReport(file, code) {
  /** @type {Counts} */
  const counts = { passed: 0, failed: 0, skipped: 0, skippedNames: [], names: [] }
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] }
  for (const { assertionResults, status } of report.testResults) {
    let failedHere = 0
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed++
      else if (test.status === 'failed') failedHere++
      else {
        counts.skipped++
        counts.skippedNames.push(test.fullName)
      }
    }
    counts.failed += status === 'failed' ? Math.max(1, failedHere) : failedHere
  }
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

/**
 * Tests that were listed and not run, all counted as skipped.
 * @param {string} file what `vitest list --json=file` wrote; no file counts as no test
 * @returns {Counts}
 */
export function countListed(file) {
  /** @type {{ name: string }[]} */
  const listed = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  return { ...NOTHING, skipped: listed.length, skippedNames: listed.map(({ name }) => name) }
}

/**
 * The counts when nothing may be skipped: skipped tests have failed, and no test at all is a failure as well.
 * @param {Counts} counts
 * @returns {Counts}
 */
export function failSkipped(counts) {
  const { passed, failed, skipped, skippedNames } = counts
  if (passed + failed + skipped === 0)
    return { ...NOTHING, failed: 1, names: ['all host tests (none was found)'] }
  return { passed, failed: failed + skipped, skipped: 0, skippedNames: [], names: skippedNames }
}
