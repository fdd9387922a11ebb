import { describe, expect, it } from 'vitest'
import { delay, duration, parseDelay, percent, sentence, short } from './format.js'

describe('format', () => {
  it.each([
    [0, '0'],
    [0.44, '0.4'],
    [9.96, '10'],
    [999.4, '999'],
    [999.6, '1 k'],
    [12_540, '12.5 k'],
    [1_234_567, '1.23 M'],
    [Number.NaN, '–'],
  ])('short writes %d as %j', (value, text) => {
    expect(short(value)).toBe(text)
  })

  it.each([
    [null, '–'],
    [0.53, '0.5 us'],
    [812.4, '812 us'],
    [9_990, '9990 us'],
    [37_940, '37.9 ms'],
    [12_000_000, '12 s'],
  ])('delay writes %j as %j', (us, text) => {
    expect(delay(us)).toBe(text)
  })

  it.each([
    [0, '0 %'],
    [0.1234, '12.3 %'],
    [1, '100 %'],
    [undefined, '–'],
  ])('percent writes %j as %j', (share, text) => {
    expect(percent(share)).toBe(text)
  })

  it.each([
    [59, '59 s'],
    [3_600, '1 h'],
    [3_900, '1 h 5 min'],
    [187_200, '2 d 4 h'],
  ])('duration writes %d seconds as %j', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })

  it.each([
    ['250', 250],
    [' 250us ', 250],
    ['1.5 ms', 1_500],
    ['2 s', 2e6],
    ['0', undefined],
    ['-5 us', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('parseDelay reads %j as %j', (text, us) => {
    expect(parseDelay(text)).toBe(us)
  })

  it('sentence begins with a capital, ends with a stop and has times of day when it tells times', () => {
    expect(sentence('met since 2026-01-31T12:00:00.000Z: fine')).toMatch(/^Met since \d\d:00:00: fine\.$/)
    expect(sentence('Done.')).toBe('Done.')
    expect(sentence('')).toBe('')
  })
})
