#!/usr/bin/env node
// `npm test`: installs, builds, then runs the checks of `npm run ok`, the unit tests and the tests on real guests.
// RINGFERRY_HOST_TESTS=require turns every host test that is skipped into a failure.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOST_TEST_PACKAGES, installPackages, missingPackages, whyNoPackages } from './deb.mjs'
import { runSteps, steps } from './ok.mjs'
import { holdSignals, run, wasInterrupted } from './run.mjs'
import { build, checkNode, install, root } from './setup.mjs'
import { addCounts, countListed, countReport, failSkipped, NOTHING } from './test-counts.mjs'
import { FAILURES_FILE, readFailures, repeatFailures } from './test-failures.mjs'

const VITEST = 'node_modules/.bin/vitest'
const HOST = ['-c', 'vitest.host.config.ts']
/** @type {import('./test-failures.mjs').Failure[]} */
const failures = []
const required = process.env.RINGFERRY_HOST_TESTS === 'require'

/**
 * Runs vitest with its output shown, counts, and keeps what failed.
 * @param {string} folder for the report
 * @param {string} name of the tests
 * @param {string[]} more arguments of vitest
 */
async function runTests(folder, name, more) {
  console.log(`\n${name} tests`)
  const file = join(folder, `${name}.json`)
  const failuresFile = join(folder, `${name}-failures.json`)
  const reporters = ['default', 'json', './tools/failures-reporter.mjs'].map((word) => `--reporter=${word}`)
  const words = ['run', '--passWithNoTests', ...reporters, `--outputFile.json=${file}`, ...more]
  const env = { ...process.env, [FAILURES_FILE]: failuresFile }
  const ended = await run(VITEST, words, { cwd: root, env, show: true })
  failures.push(...readFailures(name, failuresFile, ended))
  return countReport(file, ended.code)
}

/** Makes the machine ready for host tests. Returns why it is not, or undefined. */
async function prepareHost() {
  const why = whyNoPackages()
  if (why) return why
  const missing = await missingPackages(HOST_TEST_PACKAGES)
  if (missing.length === 0) return undefined
  console.log(`\ninstalling Debian packages for the host tests: ${missing.join(' ')}`)
  const trouble = await installPackages(missing)
  if (trouble === undefined) return undefined
  console.log(trouble.trimEnd())
  return `these Debian packages could not be installed: ${missing.join(' ')}`
}

/** @param {string} folder for reports */
async function runHostTests(folder) {
  const why = await prepareHost()
  if (wasInterrupted()) return NOTHING
  let counts
  if (why) {
    console.log(`\nhost tests skipped: ${why}`)
    const file = join(folder, 'list.json')
    await run(VITEST, ['list', ...HOST, `--json=${file}`], { cwd: root })
    counts = countListed(file)
  } else counts = await runTests(folder, 'host', HOST)
  return required ? failSkipped(counts) : counts
}

checkNode()
holdSignals()
await install()
await build()
const folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
try {
  // The build has made what `plane` and `dist` make; the unit tests run below, where their output is seen.
  const elsewhere = ['plane', 'dist', 'unit']
  failures.push(...(await runSteps(steps.filter(({ name }) => !elsewhere.includes(name)))))
  let total = { ...NOTHING, failed: failures.length }
  if (!wasInterrupted()) total = addCounts(total, await runTests(folder, 'unit', []))
  if (!wasInterrupted()) total = addCounts(total, await runHostTests(folder))
  failures.push(...total.names.map((name) => ({ where: 'skipped, and none may be', name, text: '' })))
  for (const line of repeatFailures(failures)) console.log(line)
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = wasInterrupted() ? 130 : total.failed > 0 ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}
