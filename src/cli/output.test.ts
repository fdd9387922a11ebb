import { describe, expect, it } from 'vitest'
import { formatTable, shortNumber } from './output.js'

describe('formatTable', () => {
  it('formatTable aligns columns and numbers and leaves no blanks at line ends', () => {
    const rows = [
      ['g1', '5', 'up'],
      ['uplink', '12000', ''],
    ]
    expect(formatTable(['port', 'f/s', 'state'], rows, [1])).toBe(
      ['port      f/s  state', 'g1          5  up', 'uplink  12000'].join('\n'),
    )
  })
})

describe('shortNumber', () => {
  it('shortNumber keeps few digits at every size', () => {
    const numbers = [0, 7, 12.34, 99.96, 123.4, 99_999, 1_234_567, 2_500_000_000]
    expect(numbers.map(shortNumber)).toEqual(['0', '7', '12.3', '100.0', '123', '99999', '1.23 M', '2.50 G'])
  })
})
