import { describe, expect, it } from 'vitest'
import { aptReason } from './packages.js'

describe('aptReason', () => {
  it('aptReason is the first error, whatever warnings come before it', () => {
    const failed = 'E: Failed to fetch http://deb.debian.org/x.deb  Could not connect'
    expect(aptReason(`W: Download is performed unsandboxed\n${failed}\nE: Failed to fetch y\n`)).toBe(
      failed.slice(3),
    )
  })

  it('aptReason is a warning where there is no error, and undefined where there is neither', () => {
    expect(aptReason('Reading lists\nW: it is old\n')).toBe('it is old')
    expect(aptReason('spawn apt-get ENOENT')).toBeUndefined()
  })
})
