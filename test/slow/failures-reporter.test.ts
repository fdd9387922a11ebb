import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { FAILURES_FILE, readFailures } = await import(`${root}/tools/test-failures.mjs`)
const folder = mkdtempSync(join(tmpdir(), 'ringferry-failures-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs vitest over one file with the reporter, as `npm test` does. */
function runOver(name: string, source: string) {
  writeFileSync(join(folder, name), source)
  const file = join(folder, `${name}.json`)
  const words = ['run', '--root', folder, `--reporter=${root}/tools/failures-reporter.mjs`, name]
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/vitest'), words, {
    cwd: folder,
    env: { ...process.env, [FAILURES_FILE]: file, NODE_PATH: join(root, 'node_modules') },
    encoding: 'utf8',
  })
  return readFailures('unit', file, { code: status ?? 128, output: stdout })
}

test('failures-reporter tells test, place, message and difference when tests and hooks fail', () => {
  const failures = runOver(
    'some.test.js',
    `import { afterAll, describe, expect, test } from 'vitest'
describe('a thing', () => {
  afterAll(() => { throw new Error('cannot end') })
  test('equals', () => { expect({ a: 1 }).toEqual({ a: 2 }) })
  test('works', () => {})
})
`,
  )
  expect(failures).toEqual([
    { where: 'some.test.js', name: 'a thing (a hook)', text: expect.stringMatching(/cannot end/) },
    {
      where: 'some.test.js',
      name: 'a thing > equals',
      text: expect.stringMatching(/^at some\.test\.js:4:\d+\n.*expected/),
    },
  ])
  expect(failures[1].text).toMatch(/-\s+"a": 2,?\s[\s\S]*\+\s+"a": 1/)
})

test('failures-reporter tells what broke when it is no test: a file, a rejection that nobody awaits', () => {
  expect(runOver('broken.test.js', `throw new Error('no start')`)).toMatchObject([
    { where: 'broken.test.js', name: '(the file)', text: expect.stringContaining('no start') },
  ])
  const source = `import { test } from 'vitest'
test('passes', async () => { void Promise.reject(new Error('nobody waits')); await new Promise(setImmediate) })
`
  expect(runOver('loose.test.js', source)).toMatchObject([
    { where: 'outside of tests', text: expect.stringMatching(/loose\.test\.js:2[\s\S]*nobody waits/) },
  ])
})
