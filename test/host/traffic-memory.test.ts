import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GRANULE_BYTES } from '../../src/core/layout.js'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { able, Network } from './support/network.js'
import { carryFile, checksumErrors, pingLoss, tcpBothWays } from './support/traffic.js'

const MEMORY_BYTES = 128 * 2 ** 20
const GUEST_MB = 6144
/** A file is sent out of the pages that hold it: two of them are more than the linear memory. */
const FILE_MB = 70

describe.runIf(able('qemu', 'iperf3'))('two guests of 6 GB and 128 MB of linear memory', () => {
  let network: Network
  let a: Guest
  let b: Guest
  const misses = () => ['a', 'b'].reduce((sum, name) => sum + network.counters(name).counts.granule_misses, 0)

  beforeAll(async () => {
    network = await Network.start({ memoryBytes: MEMORY_BYTES })
    const boot = async (name: string, host: number): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: await network.vif(name) } as const
      const nic = { transport, address: `10.89.0.${host}/24` }
      return bootGuest({ name: `large-${name}`, kind: 'qemu', memoryMb: GUEST_MB, nics: [nic] })
    }
    ;[a, b] = await Promise.all([boot('a', 1), boot('b', 2)])
  })
  afterAll(() => network?.stop())

  it('run TCP both ways, their memory mapped piece by piece', async () => {
    expect(await pingLoss(a, '10.89.0.2')).toBe(0)
    const { forth, back } = await tcpBothWays(a, b, '10.89.0.2')
    expect(Math.min(forth, back)).toBeGreaterThan(2)
    for (const name of ['a', 'b']) expect(network.counters(name).counts.granule_misses).toBeGreaterThan(0)
  })

  it('carry files unchanged both ways although granules are taken away meanwhile', async () => {
    for (const { sent, received, receivedMb } of [
      await carryFile(a, b, '10.89.0.2', FILE_MB),
      await carryFile(b, a, '10.89.0.1', FILE_MB),
    ]) {
      expect(receivedMb).toBe(FILE_MB)
      expect(received).toBe(sent)
    }
    // Each miss mapped a granule. More of them than the memory has room for: others were taken away.
    expect(misses()).toBeGreaterThan(MEMORY_BYTES / GRANULE_BYTES)
    expect(network.brokenFrames()).toEqual([])
    for (const guest of [a, b]) expect(await checksumErrors(guest)).toBe(0)
  })

  it('a guest that goes gives its granules back to the others', async () => {
    await b.stop()
    await network.untilState('b', 'waiting')
    const transport = { type: 'vhost-user', path: network.socket('b') } as const
    b = await bootGuest({
      name: 'large-next',
      kind: 'qemu',
      memoryMb: GUEST_MB,
      nics: [{ transport, address: '10.89.0.3/24' }],
    })
    expect(await pingLoss(a, '10.89.0.3')).toBe(0)
    const { sent, received } = await carryFile(a, b, '10.89.0.3', 20)
    expect(received).toBe(sent)
  })
})
