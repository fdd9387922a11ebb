import { describe, expect, it } from 'vitest'
import { BIT_RATE, DURATION, FREQUENCY, parseQuantity, SIZE } from './quantity.js'

describe('parseQuantity', () => {
  it.each([
    ['10g', BIT_RATE, 1e10],
    ['2.5Gb/s', BIT_RATE, 2.5e9],
    ['500 Mbit/s', BIT_RATE, 5e8],
    ['100000b/s', BIT_RATE, 1e5],
    ['300us', DURATION, 300],
    ['0.3ms', DURATION, 300],
    ['1s', DURATION, 1e6],
    ['10KB', SIZE, 10_000],
    ['4KiB', SIZE, 4096],
    ['64', SIZE, 64],
    ['20k/s', FREQUENCY, 20_000],
    ['500', FREQUENCY, 500],
    ['1.2Mpps', FREQUENCY, 1.2e6],
  ])('parseQuantity takes %s', (text, units, value) => {
    expect(parseQuantity(text, '--x', units)).toBeCloseTo(value, 9)
  })

  it.each([
    ['10', BIT_RATE, '--x: "10" is no rate of bits above 0; write it as 10g, 2.5Gb/s, 500Mb/s'],
    ['0g', BIT_RATE, 'is no rate of bits above 0'],
    ['-1g', BIT_RATE, 'is no rate of bits above 0'],
    ['10us', BIT_RATE, 'is no rate of bits above 0'],
    ['300', DURATION, '"300" is no time above 0; write it as 300us, 0.3ms'],
    ['1e3us', DURATION, 'is no time'],
    ['', SIZE, 'is no size'],
    ['1.2.3', SIZE, 'is no size'],
    ['tostring', SIZE, 'is no size'],
    [`${'9'.repeat(400)}`, SIZE, 'is no size'],
  ])('parseQuantity refuses %j', (text, units, message) => {
    expect(() => parseQuantity(text, '--x', units)).toThrow(message)
  })
})
