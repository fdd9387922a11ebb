import { describe, expect, it } from 'vitest'
import { factRows, factsText, factText } from './facts.js'

describe('factText', () => {
  it('factText says in words what a record holds', () => {
    expect([true, false, null, undefined].map(factText)).toEqual(['yes', 'no', 'not known', 'not known'])
    expect([2147483647, 0.8000026539999999, 13460480].map(factText)).toEqual([
      ...['no limit', '0.8', '13\u202f460\u202f480'],
    ])
    // A count beyond the largest limit is a count.
    expect(factText({ sentBytes: 2147483648 })).toBe('sentBytes: 2\u202f147\u202f483\u202f648')
    expect([[], ['CSUM', 'MRG_RXBUF']].map(factText)).toEqual(['none', 'CSUM, MRG_RXBUF'])
    expect(factText({ holdUs: 75, gapUs: 2147483647 })).toBe('holdUs: 75; gapUs: no limit')
    expect(factsText({ name: 'a', limits: { holdUs: 75 }, absent: undefined })).toBe(
      'name: a; limits (holdUs: 75)',
    )
  })
})

describe('factRows', () => {
  it('factRows gives what is deeper than a line a row of its own, named by its path', () => {
    const facts = { kind: 'ringferry', ports: { a: { state: 'up', negotiated: ['CSUM'] } }, awake: false }
    expect(factRows({ switch: facts })).toEqual([
      ['switch', 'kind: ringferry; awake: no'],
      ['switch, ports, a', 'state: up; negotiated: CSUM'],
    ])
  })
})
