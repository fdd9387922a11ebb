import { describe, expect, it } from 'vitest'
import { examine } from './doctor.js'
import { hasUser, serviceFindings } from './service-checks.js'

describe('hasUser', () => {
  it('finds a user by the whole name', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nringferry-old:x:9:9::/:/bin/sh\n'
    expect([hasUser(passwd, 'root'), hasUser(passwd, 'ringferry')]).toEqual([true, false])
  })
})

describe('serviceFindings', () => {
  it('says of each thing what it is for and how to get it, and doctor tells of it', () => {
    for (const { need, remedy, found } of serviceFindings()) {
      expect(need).not.toBe('')
      expect(remedy).not.toBe('')
      expect(found).not.toBe('')
    }
    const names = examine().map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(serviceFindings().map(({ name }) => name)))
  })
})
