import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { able, Network } from './support/network.js'
import {
  allowBuffers,
  carryFile,
  checksumErrors,
  LITTLE_LOSS_PERCENT,
  pingLoss,
  tcpBothWays,
  udpBothWays,
} from './support/traffic.js'

const TAP = 'rft-tap0'
const PLAIN_TAP = 'rft-tap1'

describe.runIf(able('uml', 'iperf3', 'tap'))('a uml guest and namespaces on TAP ports', () => {
  let network: Network
  let uml: Guest
  let netns: Guest
  let plain: Guest

  beforeAll(async () => {
    network = await Network.start()
    const path = await network.vif('uml')
    await network.tap('tap', TAP)
    await network.tap('plain', PLAIN_TAP, { offloads: false })
    const boot = (name: string, ifname: string, host: number): Promise<Guest> =>
      bootGuest({
        name,
        kind: 'netns',
        nics: [
          { transport: { type: 'tap', ifname }, address: `10.93.0.${host}/24`, address6: `fd93::${host}/64` },
        ],
      })
    ;[uml, netns, plain] = await Promise.all([
      bootGuest({
        name: 'tap-uml',
        kind: 'uml',
        memoryMb: 512,
        nics: [{ transport: { type: 'vhost-user', path }, address: '10.93.0.1/24', address6: 'fd93::1/64' }],
      }),
      boot('tap-netns', TAP, 2),
      boot('plain-netns', PLAIN_TAP, 3),
    ])
    await allowBuffers(uml)
  })
  afterAll(async () => {
    await network?.stop()
    const links = execFileSync('ip', ['-o', 'link']).toString()
    expect(links).not.toContain(TAP)
    expect(links).not.toContain(PLAIN_TAP)
  })

  it('answer every ping over IPv4 and IPv6', async () => {
    expect(await pingLoss(uml, '10.93.0.2')).toBe(0)
    expect(await pingLoss(netns, '10.93.0.1', { size: 1472 })).toBe(0)
    expect(await pingLoss(netns, '10.93.0.3')).toBe(0)
    expect(await pingLoss(uml, 'fd93::2')).toBe(0)
  })

  it('run TCP both ways, with segments that cross whole', async () => {
    for (const [address, options] of [
      ['10.93.0.2', ''],
      ['fd93::2', '-6'],
    ] as const) {
      const { forth, back } = await tcpBothWays(uml, netns, address, options)
      expect(Math.min(forth, back)).toBeGreaterThan(10)
    }
    for (const name of ['uml', 'tap'])
      expect(network.counters(name).counts.egress_gso_frames).toBeGreaterThan(100)
    expect(network.counters('tap').counts.segmented).toBe(0)
  })

  it('run TCP both ways with a TAP that takes no offloads: segments are cut and checksums made', async () => {
    const { forth, back } = await tcpBothWays(uml, plain, '10.93.0.3')
    expect(Math.min(forth, back)).toBeGreaterThan(5)
    expect(network.counters('plain').counts).toMatchObject({ egress_gso_frames: 0, ingress_gso_frames: 0 })
    expect(network.counters('plain').counts.segmented).toBeGreaterThan(100)
  })

  it('run UDP at a moderate rate with little loss', async () => {
    const { datagrams, lostPercent } = await udpBothWays(uml, netns, '10.93.0.2', 30)
    expect(datagrams).toBeGreaterThan(300)
    expect(lostPercent).toBeLessThan(LITTLE_LOSS_PERCENT)
  })

  it('carry 100 MB unchanged, each way', async () => {
    for (const [from, to, address] of [
      [uml, netns, '10.93.0.2'],
      [plain, uml, '10.93.0.1'],
    ] as const) {
      const { sent, received, receivedMb } = await carryFile(from, to, address, 100)
      expect(receivedMb).toBe(100)
      expect(received).toBe(sent)
    }
  })

  it('saw no broken frame and no wrong checksum in all this', async () => {
    expect(network.brokenFrames()).toEqual([])
    for (const guest of [uml, netns, plain]) expect(await checksumErrors(guest)).toBe(0)
  })
})
