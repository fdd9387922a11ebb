import { describe, expect, it } from 'vitest'
import { groupGranules } from './granule-group.js'

const MB = 2 ** 20

describe('groupGranules', () => {
  it('joins regions that touch a granule together or follow each other, and keeps apart what a hole divides', () => {
    const regions = [
      { guestAddress: 20 * MB, sizeBytes: 2 * MB },
      { guestAddress: 0, sizeBytes: 1 * MB },
      { guestAddress: 1 * MB, sizeBytes: 3 * MB },
      { guestAddress: 4 * MB, sizeBytes: 4096 },
    ]
    expect(groupGranules(regions, 0)).toEqual([
      { first: 0, count: 3, at: 0 },
      { first: 10, count: 1, at: 0 },
    ])
    expect(groupGranules(regions, 6)).toHaveLength(2)
    expect(groupGranules(regions, 7)).toEqual([{ first: 0, count: 11, at: 0 }])
    expect(groupGranules([], 7)).toEqual([])
  })
})
