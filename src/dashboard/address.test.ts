import { describe, expect, it } from 'vitest'
import { fromHash, toHash } from './address.js'

describe('address', () => {
  it.each(['g1', 'a b/c#d=e%20', 'ü'])('fromHash reads what toHash wrote of %j', (value) => {
    expect(fromHash(toHash('port', value), 'port')).toBe(value)
  })

  it.each([
    '',
    '#port',
    '#port=',
    '#token=x',
    '#port=%',
    '#port=%E0%A4',
  ])('fromHash is undefined for %j', (hash) => {
    expect(fromHash(hash, 'port')).toBeUndefined()
  })
})
