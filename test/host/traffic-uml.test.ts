import { setTimeout as sleep } from 'node:timers/promises'
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

const VLAN = 7

describe.runIf(able('uml', 'iperf3'))('two uml guests over vhost-user', () => {
  let network: Network
  let a: Guest
  let b: Guest

  beforeAll(async () => {
    network = await Network.start()
    const boot = async (name: string, host: number): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: await network.vif(name) } as const
      const nic = { transport, address: `10.90.0.${host}/24`, address6: `fd90::${host}/64` }
      return bootGuest({ name, kind: 'uml', memoryMb: 512, nics: [nic] })
    }
    ;[a, b] = await Promise.all([boot('uml-a', 1), boot('uml-b', 2)])
    await allowBuffers(a, b)
  })
  afterAll(() => network?.stop())

  /** Runs one command in both. */
  const both = (command: string) => Promise.all([must(a, command), must(b, command)])

  it('answer every ping over IPv4 and IPv6', async () => {
    expect(await pingLoss(a, '10.90.0.2')).toBe(0)
    expect(await pingLoss(b, '10.90.0.1', { size: 1472 })).toBe(0)
    expect(await pingLoss(a, 'fd90::2')).toBe(0)
  })

  it('run TCP both ways, with segments that cross whole', async () => {
    const { forth, back } = await tcpBothWays(a, b, '10.90.0.2')
    expect(Math.min(forth, back)).toBeGreaterThan(10)
    for (const name of ['uml-a', 'uml-b']) {
      const { counts } = network.counters(name)
      expect(counts.egress_gso_frames).toBeGreaterThan(100)
      expect(counts.segmented).toBe(0)
    }
  })

  it('run TCP both ways over IPv6', async () => {
    const { forth, back } = await tcpBothWays(a, b, 'fd90::2', '-6')
    expect(Math.min(forth, back)).toBeGreaterThan(10)
  })

  it('run UDP at a moderate rate with little loss', async () => {
    const { datagrams, lostPercent } = await udpBothWays(a, b, '10.90.0.2', 30)
    expect(datagrams).toBeGreaterThan(300)
    expect(lostPercent).toBeLessThan(LITTLE_LOSS_PERCENT)
  })

  it('carry 100 MB unchanged', async () => {
    const { sent, received, receivedMb } = await carryFile(a, b, '10.90.0.2', 100)
    expect(receivedMb).toBe(100)
    expect(received).toBe(sent)
  })

  it('carry jumbo frames', async () => {
    await both('ip link set dev eth0 mtu 9000')
    try {
      expect(await pingLoss(a, '10.90.0.2', { size: 8972 })).toBe(0)
      const { forth, back } = await tcpBothWays(a, b, '10.90.0.2', '-M 8900')
      expect(Math.min(forth, back)).toBeGreaterThan(10)
      const { datagrams, lostPercent } = await udpBothWays(a, b, '10.90.0.2', 50, 8900)
      expect(datagrams).toBeGreaterThan(100)
      expect(lostPercent).toBeLessThan(LITTLE_LOSS_PERCENT)
      // Nothing was cut into fragments: the large packets crossed as they are.
      expect(await both("awk '/^Ip: [0-9]/ {print $20}' /proc/net/snmp")).toEqual(['0\n', '0\n'])
    } finally {
      await both('ip link set dev eth0 mtu 1500')
    }
  })

  it('carry VLAN frames as they are across ports without VLAN settings', async () => {
    await both(`ip link add link eth0 name eth0.${VLAN} type vlan id ${VLAN}`)
    try {
      await must(a, `ip addr add 10.90.7.1/24 dev eth0.${VLAN} && ip link set dev eth0.${VLAN} up`)
      await must(b, `ip addr add 10.90.7.2/24 dev eth0.${VLAN} && ip link set dev eth0.${VLAN} up`)
      expect(await pingLoss(a, '10.90.7.2', { size: 1472 })).toBe(0)
      const { forth, back } = await tcpBothWays(a, b, '10.90.7.2')
      expect(Math.min(forth, back)).toBeGreaterThan(10)
      const learned = network.switch.fdb().filter(({ vlan }) => vlan === VLAN)
      expect(learned.map(({ port }) => port).sort()).toEqual(['uml-a', 'uml-b'])
    } finally {
      await both(`ip link del dev eth0.${VLAN}`)
    }
  })

  it('saw no broken frame and no wrong checksum in all this', async () => {
    expect(network.brokenFrames()).toEqual([])
    expect(await checksumErrors(a)).toBe(0)
    expect(await checksumErrors(b)).toBe(0)
  })
})

describe.runIf(able('uml', 'iperf3'))('a uml guest on a trunk and one on an access port', () => {
  let network: Network
  let trunk: Guest
  let access: Guest

  beforeAll(async () => {
    network = await Network.start()
    const path = {
      trunk: await network.vif('trunk', { trunk: [VLAN, 8] }),
      access: await network.vif('access', { vlan: VLAN }),
    }
    const boot = (name: 'trunk' | 'access', address: string): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: path[name] } as const
      return bootGuest({ name: `uml-${name}`, kind: 'uml', nics: [{ transport, address }] })
    }
    ;[trunk, access] = await Promise.all([boot('trunk', '10.91.0.1/24'), boot('access', '10.91.7.2/24')])
    for (const vlan of [VLAN, 8])
      await must(
        trunk,
        `ip link add link eth0 name eth0.${vlan} type vlan id ${vlan} && ip addr add 10.91.${vlan}.1/24 dev eth0.${vlan} && ip link set dev eth0.${vlan} up`,
      )
  })
  afterAll(() => network?.stop())

  it('reach each other in the VLAN of the access port, tags put on and taken off', async () => {
    expect(await pingLoss(trunk, '10.91.7.2')).toBe(0)
    expect(await pingLoss(access, '10.91.7.1', { size: 1472 })).toBe(0)
    const { forth, back } = await tcpBothWays(trunk, access, '10.91.7.2')
    expect(Math.min(forth, back)).toBeGreaterThan(10)
    expect(await checksumErrors(trunk)).toBe(0)
    expect(await checksumErrors(access)).toBe(0)
  })

  it('do not reach each other untagged or in another VLAN', async () => {
    await must(access, 'ip addr add 10.91.0.2/24 dev eth0 && ip addr add 10.91.8.2/24 dev eth0')
    // A kernel says things unasked, as that a neighbour is probed again: where they may meet, it falls silent.
    await must(trunk, `ip link set dev eth0.${VLAN} down`)
    const frames = (): number => network.counters('access').counts.egress_frames
    let before: number
    do {
      before = frames()
      await sleep(500)
    } while (frames() !== before)
    for (const address of ['10.91.0.2', '10.91.8.2'])
      expect((await trunk.run(`busybox ping -c 2 -i 0.2 -W 1 ${address}`)).stdout).toContain(
        ' 0 packets received',
      )
    expect(frames()).toBe(before)
  })
})
