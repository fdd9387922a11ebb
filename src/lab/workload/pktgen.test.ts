import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { arrivedCommand, pktgen, pktgenResult } from './pktgen.js'

describe('arrivedCommand', () => {
  it('arrivedCommand prints the frames, then the uptime', () => {
    const text = execFileSync('sh', ['-c', arrivedCommand('lo')], { encoding: 'utf8' })
    expect(text).toMatch(/^\d+\n[\d.]+\n$/)
  })
})

describe('pktgenResult', () => {
  it("pktgenResult takes the rate from the receiver's clock and the bytes without the check sequence", () => {
    const { metrics } = pktgenResult({ atS: 10, frames: 100 }, { atS: 12, frames: 2100 }, 64)
    expect(metrics).toEqual({ fps: 1000, mbps: 0.48 })
  })

  it('pktgenResult throws GUEST when nothing arrived', () => {
    const nothing = { atS: 10, frames: 100 }
    expect(() => pktgenResult(nothing, { atS: 12, frames: 100 }, 64)).toThrow(/no frame arrived/)
    expect(() => pktgenResult(nothing, nothing, 64)).toThrow(/no frame arrived/)
  })
})

describe('settings', () => {
  it('settings refuse what is no frame of Ethernet', () => {
    for (const frameBytes of [63, 1519, 64.5])
      expect(pktgen.settings.safeParse({ frameBytes }).success).toBe(false)
    expect(pktgen.settings.parse({})).toEqual({ frameBytes: 64, direction: 'to_vm' })
  })
})
