import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { able, Network } from './support/network.js'
import {
  allowBuffers,
  carryFile,
  checksumErrors,
  LITTLE_LOSS_PERCENT,
  must,
  pingLoss,
  tcpBothWays,
  udpBothWays,
} from './support/traffic.js'

describe.runIf(able('uml', 'qemu', 'iperf3'))('a uml guest and a qemu guest over vhost-user', () => {
  let network: Network
  let uml: Guest
  let qemu: Guest

  beforeAll(async () => {
    network = await Network.start()
    const boot = async (kind: 'uml' | 'qemu', host: number): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: await network.vif(kind) } as const
      const nic = { transport, address: `10.92.0.${host}/24`, address6: `fd92::${host}/64` }
      return bootGuest({ name: `mixed-${kind}`, kind, nics: [nic] })
    }
    ;[uml, qemu] = await Promise.all([boot('uml', 1), boot('qemu', 2)])
    await allowBuffers(uml, qemu)
  })
  afterAll(() => network?.stop())

  it('answer every ping over IPv4 and IPv6', async () => {
    expect(await pingLoss(uml, '10.92.0.2')).toBe(0)
    expect(await pingLoss(qemu, '10.92.0.1', { size: 1472 })).toBe(0)
    expect(await pingLoss(qemu, 'fd92::1')).toBe(0)
  })

  it('run TCP both ways over IPv4 and IPv6', async () => {
    for (const [address, options] of [
      ['10.92.0.2', ''],
      ['fd92::2', '-6'],
    ] as const) {
      const { forth, back } = await tcpBothWays(uml, qemu, address, options)
      expect(Math.min(forth, back)).toBeGreaterThan(5)
    }
    for (const name of ['uml', 'qemu'])
      expect(network.counters(name).counts.egress_gso_frames).toBeGreaterThan(50)
  })

  it('run UDP at a moderate rate with little loss', async () => {
    const { datagrams, lostPercent } = await udpBothWays(uml, qemu, '10.92.0.2', 10)
    expect(datagrams).toBeGreaterThan(200)
    expect(lostPercent).toBeLessThan(LITTLE_LOSS_PERCENT)
  })

  it('carry files unchanged both ways', async () => {
    for (const [from, to, address] of [
      [uml, qemu, '10.92.0.2'],
      [qemu, uml, '10.92.0.1'],
    ] as const) {
      const { sent, received, receivedMb } = await carryFile(from, to, address, 30)
      expect(receivedMb).toBe(30)
      expect(received).toBe(sent)
    }
  })

  it('carry jumbo frames', async () => {
    await Promise.all([
      must(uml, 'ip link set dev eth0 mtu 9000'),
      must(qemu, 'ip link set dev eth0 mtu 9000'),
    ])
    expect(await pingLoss(uml, '10.92.0.2', { size: 8972 })).toBe(0)
    const { forth, back } = await tcpBothWays(uml, qemu, '10.92.0.2')
    expect(Math.min(forth, back)).toBeGreaterThan(5)
  })

  it('saw no broken frame and no wrong checksum in all this', async () => {
    expect(network.brokenFrames()).toEqual([])
    expect(await checksumErrors(uml)).toBe(0)
    expect(await checksumErrors(qemu)).toBe(0)
  })
})
