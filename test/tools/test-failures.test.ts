import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const { readFailures, repeatFailures } = await import(
  new URL('../../tools/test-failures.mjs', import.meta.url).href
)
const nothing = join(tmpdir(), 'ringferry-no-report.json')

test('readFailures takes the end of the output when a run failed without a word of what', () => {
  const output = Array.from({ length: 40 }, (_, at) => `line ${at}`).join('\n')
  const [failure] = readFailures('host', nothing, { code: 139, output })
  expect(failure.where).toBe('host tests, which ended with code 139')
  expect(failure.text.split('\n')).toHaveLength(15)
  expect(failure.text).toMatch(/line 39$/)
  expect(readFailures('host', nothing, { code: 0, output })).toEqual([])
})

test('repeatFailures cuts what is long and counts what is more', () => {
  const text = Array.from({ length: 40 }, (_, at) => `line ${at}`).join('\n')
  const lines = repeatFailures([{ where: 'unit  a.test.ts', name: 'a does b', text }])
  expect(lines).toHaveLength(3 + 15)
  expect(lines.slice(0, 4)).toEqual(['', 'FAIL  unit  a.test.ts', '  a does b', '    line 0'])
  const many = Array.from({ length: 23 }, () => ({ where: 'lint', name: '', text: '' }))
  expect(repeatFailures(many).at(-1)).toBe('and 3 more failures, told above')
  expect(repeatFailures([])).toEqual([])
})
