import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { able, Network } from './support/network.js'
import { carryFile, checksumErrors, pingLoss, tcpBothWays } from './support/traffic.js'

describe.runIf(able('uml', 'qemu', 'iperf3'))('a qemu guest on a stream port and a uml guest', () => {
  let network: Network
  let uml: Guest
  let qemu: Guest

  beforeAll(async () => {
    network = await Network.start()
    const vif = await network.vif('uml')
    const stream = await network.stream('stream')
    ;[uml, qemu] = await Promise.all([
      bootGuest({
        name: 'stream-uml',
        kind: 'uml',
        nics: [
          { transport: { type: 'vhost-user', path: vif }, address: '10.96.0.1/24', address6: 'fd96::1/64' },
        ],
      }),
      bootGuest({
        name: 'stream-qemu',
        kind: 'qemu',
        nics: [
          { transport: { type: 'stream', path: stream }, address: '10.96.0.2/24', address6: 'fd96::2/64' },
        ],
      }),
    ])
  })
  afterAll(() => network?.stop())

  it('answer every ping over IPv4 and IPv6', async () => {
    expect(await pingLoss(uml, '10.96.0.2', { size: 1472 })).toBe(0)
    expect(await pingLoss(qemu, 'fd96::1')).toBe(0)
  })

  it('run TCP both ways: segments are cut for the stream', async () => {
    const { forth, back } = await tcpBothWays(uml, qemu, '10.96.0.2')
    expect(Math.min(forth, back)).toBeGreaterThan(2)
    const { counts } = network.counters('stream')
    expect(counts.segmented).toBeGreaterThan(50)
    expect(counts).toMatchObject({ egress_gso_frames: 0, ingress_gso_frames: 0 })
  })

  it('carry files unchanged both ways', async () => {
    for (const { sent, received } of [
      await carryFile(uml, qemu, '10.96.0.2', 20),
      await carryFile(qemu, uml, '10.96.0.1', 20),
    ])
      expect(received).toBe(sent)
    expect(network.brokenFrames()).toEqual([])
    for (const guest of [uml, qemu]) expect(await checksumErrors(guest)).toBe(0)
  })

  it('the port waits for the next when the guest goes', async () => {
    await qemu.stop()
    await network.untilState('stream', 'waiting')
    expect(network.history('stream').at(-1)).toBe('detached')
  })
})
