import { describe, expect, it } from 'vitest'
import { CAP_NET_ADMIN, hasCapability } from './capability.js'

describe('hasCapability', () => {
  it('hasCapability reads one bit of the effective set', () => {
    expect(hasCapability('CapPrm:\t0\nCapEff:\t0000000000001000\n', CAP_NET_ADMIN)).toBe(true)
    expect(hasCapability('CapPrm:\t1000\nCapEff:\t000001ffffffefff\n', CAP_NET_ADMIN)).toBe(false)
    expect(hasCapability('', CAP_NET_ADMIN)).toBe(false)
  })
})
