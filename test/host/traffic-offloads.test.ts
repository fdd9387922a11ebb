import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest, type NicSpec } from '../../src/lab/guest/guest.js'
import { able, Network, until } from './support/network.js'
import { carryFile, checksumErrors, iperf, must, pingLoss, tcpBothWays } from './support/traffic.js'

const SEGMENTATION = ['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN', 'GUEST_USO4', 'GUEST_USO6']
const SENDER = ['HOST_TSO4', 'HOST_TSO6', 'HOST_ECN', 'HOST_USO']

/** What is taken out of the offer of each guest's port; the others' kernels judge what comes of it. */
const GUESTS = {
  all: [],
  'no-offloads': ['CSUM', 'GUEST_CSUM', ...SEGMENTATION, ...SENDER, 'MRG_RXBUF'],
  'no-segmentation': SEGMENTATION,
  'no-mergeable': ['MRG_RXBUF'],
  'plain-ring': ['INDIRECT_DESC', 'EVENT_IDX'],
} as const
type Name = keyof typeof GUESTS
const NAMES = Object.keys(GUESTS) as Name[]

describe.runIf(able('uml', 'iperf3'))('uml guests with different features', () => {
  let network: Network
  const guests = new Map<Name, Guest>()
  const the = (name: Name) => guests.get(name) as Guest
  const address = (name: Name) => `10.94.0.${NAMES.indexOf(name) + 1}`
  const address6 = (name: Name) => `fd94::${NAMES.indexOf(name) + 1}`
  const negotiated = (name: Name) =>
    network.switch.status().find((port) => port.name === name)?.negotiated ?? []

  beforeAll(async () => {
    network = await Network.start()
    const boot = async (name: Name): Promise<void> => {
      const transport = {
        type: 'vhost-user',
        path: await network.vif(name, { withhold: GUESTS[name] }),
      } as const
      const nic = { transport, address: `${address(name)}/24`, address6: `${address6(name)}/64` }
      guests.set(name, await bootGuest({ name: `uml-${name}`, kind: 'uml', nics: [nic] }))
    }
    await Promise.all(NAMES.map(boot))
    await network.switch.refresh()
  })
  afterAll(() => network?.stop())

  it('negotiate what their port offers and no more', () => {
    expect(negotiated('all')).toEqual(
      expect.arrayContaining(['CSUM', 'GUEST_CSUM', 'GUEST_TSO4', 'HOST_TSO4', 'MRG_RXBUF', 'INDIRECT_DESC']),
    )
    for (const name of NAMES)
      for (const feature of GUESTS[name]) expect(negotiated(name)).not.toContain(feature)
  })

  for (const name of NAMES.slice(1)) {
    it(`run TCP both ways, ping and carry a file: all and ${name}`, async () => {
      const before = network.counters(name).counts
      expect(await pingLoss(the('all'), address(name), { size: 1472, count: 5 })).toBe(0)
      for (const [to, options] of [
        [address(name), ''],
        [address6(name), '-6'],
      ] as const) {
        const { forth, back } = await tcpBothWays(the('all'), the(name), to, options)
        expect(Math.min(forth, back)).toBeGreaterThan(5)
      }
      const files = [
        await carryFile(the('all'), the(name), address(name), 20),
        await carryFile(the(name), the('all'), address('all'), 20),
      ]
      for (const { sent, received } of files) expect(received).toBe(sent)
      const { counts } = network.counters(name)
      const cut = !negotiated(name).includes('GUEST_TSO4')
      expect(counts.segmented - before.segmented > 100).toBe(cut)
      expect(counts.egress_gso_frames - before.egress_gso_frames > 100).toBe(!cut)
      for (const guest of [the('all'), the(name)]) expect(await checksumErrors(guest)).toBe(0)
    })
  }

  it('saw no broken frame in all this', () => {
    expect(network.brokenFrames()).toEqual([])
  })
})

describe.runIf(able('qemu', 'iperf3'))('qemu guests with other rings', () => {
  let network: Network
  let multi: Guest
  let indirect: Guest
  const negotiated = (name: string) =>
    network.switch.status().find((port) => port.name === name)?.negotiated ?? []

  beforeAll(async () => {
    network = await Network.start()
    const paths = {
      multi: await network.vif('multi', { queues: 2 }),
      indirect: await network.vif('indirect'),
    }
    const boot = (name: 'multi' | 'indirect', more: Partial<NicSpec> & { readonly address: string }) => {
      const transport = { type: 'vhost-user', path: paths[name] } as const
      return bootGuest({
        name: `qemu-${name}`,
        kind: 'qemu',
        cpus: name === 'multi' ? 2 : 1,
        nics: [{ transport, ...more }],
      })
    }
    ;[multi, indirect] = await Promise.all([
      boot('multi', { address: '10.95.0.1/24', queues: 2 }),
      boot('indirect', { address: '10.95.0.2/24', virtio: { indirect_desc: 'on', event_idx: 'off' } }),
    ])
    await network.switch.refresh()
  })
  afterAll(() => network?.stop())

  it('negotiate several queues, and indirect descriptors without event index', async () => {
    expect(negotiated('multi')).toEqual(expect.arrayContaining(['MQ', 'EVENT_IDX']))
    expect(negotiated('indirect')).toContain('INDIRECT_DESC')
    expect(negotiated('indirect')).not.toContain('EVENT_IDX')
    const { stdout } = await multi.run('ls -d /sys/class/net/eth0/queues/tx-* | wc -l')
    expect(Number(stdout)).toBe(2)
    await must(multi, 'ethtool -L eth0 combined 2')
  })

  it('run several TCP streams both ways over several queues', async () => {
    expect(await pingLoss(multi, '10.95.0.2')).toBe(0)
    // Which queue a flow takes is the chance of its ports and processor: flows come until all queues had some.
    await until('all queues carry', async () => {
      const { forth, back } = await tcpBothWays(multi, indirect, '10.95.0.2', '-P 4')
      expect(Math.min(forth, back)).toBeGreaterThan(5)
      const { stdout } = await multi.run('ethtool -S eth0')
      return ['rx_queue_0', 'rx_queue_1', 'tx_queue_0', 'tx_queue_1'].every(
        (queue) => Number(new RegExp(`${queue}_packets: (\\d+)`).exec(stdout)?.[1] ?? 0) > 10,
      )
    })
  })

  it('go on when the number of queues changes under traffic', async () => {
    const traffic = iperf(multi, indirect, '10.95.0.2', '-P 4 -t 4')
    for (const queues of [1, 2, 1, 2]) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      await must(multi, `ethtool -L eth0 combined ${queues}`)
    }
    expect((await traffic).mbps).toBeGreaterThan(5)
    expect(await pingLoss(multi, '10.95.0.2')).toBe(0)
  })

  it('carry files unchanged both ways', async () => {
    for (const { sent, received } of [
      await carryFile(multi, indirect, '10.95.0.2', 20),
      await carryFile(indirect, multi, '10.95.0.1', 20),
    ])
      expect(received).toBe(sent)
    expect(network.brokenFrames()).toEqual([])
    for (const guest of [multi, indirect]) expect(await checksumErrors(guest)).toBe(0)
  })
})
