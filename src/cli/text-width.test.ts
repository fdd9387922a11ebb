import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cut, printable, toWidth, widthOf, wrap } from './text-width.js'

const ESC = String.fromCharCode(27)
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('漢字漢字', 'a b  c', `${ESC}[2J`),
)

describe('text-width', () => {
  it('printable leaves nothing that steers a terminal', () => {
    expect(printable(`a${ESC}[31mb\r\nc\u202e`)).toBe('a?[31mb??c?')
  })

  it('toWidth takes exactly the columns that it is given', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), fc.boolean(), (any, columns, isNumber) => {
        expect(widthOf(toWidth(any, columns, isNumber))).toBe(columns)
      }),
    )
    expect(toWidth('漢字漢字', 6)).toBe('漢字~ ')
    expect(toWidth('12', 4, true)).toBe('  12')
  })

  it('cut keeps what fits and marks what was cut', () => {
    expect(cut('database-01', 11)).toBe('database-01')
    expect(cut('database-01', 8)).toBe('databas~')
  })

  it('wrap makes no line longer than its columns, and loses nothing but blanks', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 40 }), (any, columns) => {
        const lines = wrap(any, columns, '  ')
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns)
        expect(lines.join('').replaceAll(' ', '')).toBe(printable(any).replaceAll(' ', ''))
      }),
    )
    expect(wrap('raise the budget to 0.4', 12, '  ')).toEqual(['raise the', '  budget to', '  0.4'])
  })
})
