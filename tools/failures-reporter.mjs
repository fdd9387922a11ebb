// A reporter of vitest: writes what failed as JSON to the file that FAILURES_FILE names, for the end of `npm test`.
// vitest's own JSON has neither errors outside of tests nor the differences of values.
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { FAILURES_FILE } from './test-failures.mjs'

const MAX_PLACES = 3

/** @typedef {import('vitest/node').TestModule} TestModule */
/** @typedef {{ name?: string, message: string, diff?: string, stack?: string, stacks?: { file: string, line: number, column: number }[] }} Trouble */

/**
 * The lines of the project's own code an error came through, the innermost first.
 * @param {Trouble} error
 */
function places({ stacks, stack }) {
  const parsed = (stacks ?? []).map(({ file, line, column }) => `${file}:${line}:${column}`)
  const found = parsed.length > 0 ? parsed : [...(stack ?? '').matchAll(/\/\S+:\d+:\d+/g)].map(String)
  const own = found.filter((place) => !/node_modules|^node:/.test(place))
  return own.slice(0, MAX_PLACES).map((place) => `at ${relative(process.cwd(), place)}`)
}

/** @param {Trouble} error */
function describe(error) {
  const { name, message, diff } = error
  const lines = [...places(error), name ? `${name}: ${message}` : message, ...(diff ? [diff] : [])]
  return stripVTControlCharacters(lines.join('\n'))
}

/**
 * @param {TestModule} module
 * @returns {import('./test-failures.mjs').Failure[]}
 */
function failuresOf(module) {
  const where = [module.project.name, relative(process.cwd(), module.moduleId)].filter(Boolean).join('  ')
  const ofSuites = [...module.children.allSuites()].flatMap((suite) =>
    suite.errors().map((error) => ({ where, name: `${suite.fullName} (a hook)`, text: describe(error) })),
  )
  const ofTests = [...module.children.allTests('failed')].map((test) => ({
    where,
    name: test.fullName,
    text: (test.result().errors ?? []).map(describe).join('\n'),
  }))
  const ofModule = module.errors().map((error) => ({ where, name: '(the file)', text: describe(error) }))
  return [...ofModule, ...ofSuites, ...ofTests]
}

// vitest takes a reporter as a module's default export.
// biome-ignore lint/style/noDefaultExport: see above
export default class FailuresReporter {
  /**
   * @param {ReadonlyArray<TestModule>} modules
   * @param {ReadonlyArray<Trouble>} unhandled errors outside of every test
   */
  onTestRunEnd(modules, unhandled) {
    const outside = unhandled.map((error) => ({ where: 'outside of tests', name: '', text: describe(error) }))
    const file = process.env[FAILURES_FILE]
    if (file) writeFileSync(file, JSON.stringify([...modules.flatMap(failuresOf), ...outside]))
  }
}
