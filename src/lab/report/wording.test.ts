import { describe, expect, it } from 'vitest'
import { factorValueText } from './wording.js'

describe('factorValueText', () => {
  it('factorValueText names the factor of yes and no, and of nothing else', () => {
    expect([factorValueText('awake', 'true'), factorValueText('awake', 'false')]).toEqual([
      'awake: yes',
      'awake: no',
    ])
    expect([factorValueText('policy', 'natural'), factorValueText(undefined, 'true')]).toEqual([
      'natural',
      'true',
    ])
  })
})
