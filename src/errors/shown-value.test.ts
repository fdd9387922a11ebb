import { expect, it } from 'vitest'
import { shownValue } from './shown-value.js'

it('shownValue shows the beginning when the value is long', () => {
  expect(shownValue('a"b')).toBe('"a"b"')
  expect(shownValue(undefined)).toBe('undefined')
  expect(shownValue({ a: [1] })).toBe('{"a":[1]}')
  const long = shownValue('x'.repeat(30_000_000))
  expect(long).toMatch(/^"x+\.\.\.$/)
  expect(long.length).toBeLessThan(110)
})
