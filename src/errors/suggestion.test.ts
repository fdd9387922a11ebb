import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance, nearest } from './suggestion.js'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['show', 'show', 0],
    ['sho', 'show', 1],
    ['shwo', 'show', 1],
    ['polcy', 'policy', 1],
    ['', 'up', 2],
    ['kitten', 'sitting', 3],
  ])('editDistance counts the edits when %j becomes %j', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits)
    expect(editDistance(b, a)).toBe(edits)
  })
})

describe('nearest', () => {
  const commands = ['show', 'set', 'policy', 'explain']

  it.each([
    ['sho', 'show'],
    ['SHOW', 'show'],
    ['st', 'set'],
    ['explian', 'explain'],
    ['adaptive', undefined],
    ['x', undefined],
  ])('nearest finds what is near, and nothing else, when the word is %j', (word, found) => {
    expect(nearest(word, commands)).toBe(found)
  })

  it('didYouMean says nothing when nothing is near', () => {
    expect(didYouMean('sho', commands)).toBe(' (did you mean "show"?)')
    expect(didYouMean('fly', commands)).toBe('')
  })
})
