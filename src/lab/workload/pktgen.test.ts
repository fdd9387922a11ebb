import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { arrivedCommand, nobodyBeside, pktgen, pktgenCommand, pktgenResult } from './pktgen.js'

describe('pktgenCommand', () => {
  it("pktgenCommand sends to the receiver's NIC and to an address that nobody has", () => {
    const command = pktgenCommand('eth1', { mac: '00:16:3e:00:01:02', address: '10.9.0.3' }, 64)
    execFileSync('sh', ['-n', '-c', command])
    expect(command).toContain("echo 'pkt_size 60' >/proc/net/pktgen/eth1")
    expect(command).toContain("echo 'dst_mac 00:16:3e:00:01:02'")
    expect(command).toContain("echo 'dst 10.9.0.254'")
    expect(nobodyBeside('10.8.0.1')).toBe('10.8.0.254')
  })
})

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
