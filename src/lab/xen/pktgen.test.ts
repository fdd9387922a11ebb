import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { nobodyBeside, pktgenCommand } from './pktgen.js'

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
