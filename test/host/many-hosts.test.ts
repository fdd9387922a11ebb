/** Two namespaces as two hosts, guests on both, joined by VXLAN. */
import { afterEach, describe, expect, it } from 'vitest'
import { Hosts } from './support/hosts.js'
import { able } from './support/network.js'

const MB = 1 << 20
const MACS = { g1: '02:00:00:00:90:01', g2: '02:00:00:00:90:02' } as const

describe.runIf(able('iperf3', 'tap'))('guests on two hosts', () => {
  let hosts: Hosts | undefined
  afterEach(async () => {
    await hosts?.stop()
    hosts = undefined
  })

  const config = (index: number): string => `ports:
  - {kind: tap, name: g, device: g${index}}
  - {kind: vxlan, name: fabric, local: 10.90.0.${index}, vni: 100, peers: [10.90.0.${3 - index}]}
`

  it('carry TCP both ways between two vxlan ports', async () => {
    hosts = await Hosts.pair('g1', 'g2')
    for (const index of [1, 2] as const) {
      hosts.switch(`h${index}`, config(index))
      const guest = `g${index}` as const
      await hosts.plug({
        host: `h${index}`,
        device: guest,
        guest,
        address: `10.91.0.${index}`,
        mac: MACS[guest],
      })
    }
    await hosts.reach('g1', '10.91.0.2')
    expect(await hosts.tcp('g1', 'g2', '10.91.0.2', '-t 1')).toBeGreaterThan(MB)
    expect(await hosts.tcp('g1', 'g2', '10.91.0.2', '-t 1 -R')).toBeGreaterThan(MB)
  })

  it("carry TCP both ways between a vxlan port and the kernel's vxlan device", async () => {
    hosts = await Hosts.pair('g1', 'g2')
    hosts.switch('h1', config(1))
    await hosts.plug({ host: 'h1', device: 'g1', guest: 'g1', address: '10.91.0.1', mac: MACS.g1 })
    await hosts.run(
      'h2',
      `ip link add vx100 type vxlan id 100 local 10.90.0.2 remote 10.90.0.1 dstport 4789 &&
      ip link set vx100 address ${MACS.g2} mtu 1450 && ip addr add 10.91.0.2/24 dev vx100 && ip link set vx100 up`,
    )
    await hosts.reach('g1', '10.91.0.2')
    expect(await hosts.tcp('g1', 'h2', '10.91.0.2', '-t 1')).toBeGreaterThan(MB)
    expect(await hosts.tcp('g1', 'h2', '10.91.0.2', '-t 1 -R')).toBeGreaterThan(MB)
    // What the kernel's device sends to nobody in particular reaches the guest too.
    await hosts.run('h2', 'ip neigh flush dev vx100')
    await hosts.reach('h2', '10.91.0.1')
  })
})
