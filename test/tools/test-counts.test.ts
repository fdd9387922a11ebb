import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const { addCounts, countListed, countReport, failSkipped, NOTHING } = await import(
  new URL('../../tools/test-counts.mjs', import.meta.url).href
)
const folder = mkdtempSync(join(tmpdir(), 'ringferry-counts-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(content: unknown): string {
  const file = join(folder, 'report.json')
  writeFileSync(file, JSON.stringify(content))
  return file
}

/** One test file of a report: its tests are named by their status. */
const suite = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((name) => ({ fullName: `a ${name} test`, status: name })),
})

test('countReport sorts tests by status when some were skipped, pending or left for later', () => {
  const file = write({
    testResults: [suite('passed', 'passed', 'pending', 'skipped', 'todo'), suite('passed', 'passed')],
  })
  expect(countReport(file, 0)).toMatchObject({ passed: 2, failed: 0, skipped: 3 })
})

test('countReport counts a file once when it fails before its tests', () => {
  const file = write({ testResults: [suite('failed'), suite('failed', 'failed', 'failed', 'passed')] })
  expect(countReport(file, 1)).toMatchObject({ passed: 1, failed: 3, skipped: 0 })
})

test('countReport counts a failure when the run fails and no test did, or nothing was reported', () => {
  expect(countReport(write({ testResults: [suite('passed', 'passed')] }), 1)).toMatchObject({
    passed: 1,
    failed: 1,
  })
  expect(countReport(join(folder, 'none.json'), 139)).toMatchObject({ passed: 0, failed: 1 })
})

test('failSkipped turns skipped tests into failed ones and keeps their names', () => {
  const counts = failSkipped(countReport(write({ testResults: [suite('passed', 'passed', 'pending')] }), 0))
  expect(counts).toMatchObject({ passed: 1, failed: 1, skipped: 0, names: ['a pending test'] })
})

test('failSkipped fails when there was no test at all', () => {
  expect(failSkipped(NOTHING)).toMatchObject({ failed: 1, names: ['all host tests (none was found)'] })
})

test('countListed counts every listed test as skipped', () => {
  const counts = countListed(write([{ name: 'x' }, { name: 'y' }]))
  expect(counts).toMatchObject({ passed: 0, failed: 0, skipped: 2 })
  expect(failSkipped(counts)).toMatchObject({ failed: 2, names: ['x', 'y'] })
  expect(countListed(join(folder, 'none.json'))).toMatchObject({ skipped: 0 })
})

test('addCounts adds every number and joins the names', () => {
  const one = { passed: 1, failed: 2, skipped: 3, skippedNames: ['a'], names: ['b'] }
  expect(addCounts(one, { ...one, names: ['c'] })).toEqual({
    passed: 2,
    failed: 4,
    skipped: 6,
    skippedNames: ['a', 'a'],
    names: ['b', 'c'],
  })
})
