import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { able, Network, socketFolder } from './support/network.js'
import { carryFile, checksumErrors, pingLoss } from './support/traffic.js'

describe.runIf(able('uml', 'qemu'))('a qemu guest on a dgram port and a uml guest', () => {
  const folder = socketFolder()
  let network: Network
  let uml: Guest
  let qemu: Guest

  beforeAll(async () => {
    network = await Network.start()
    const vif = await network.vif('uml')
    const path = network.socket('dgram')
    await network.switch.addPort({ kind: 'dgram', name: 'dgram', socket: path, mtu: 1500 })
    const own = join(folder, 'guest.sock')
    ;[uml, qemu] = await Promise.all([
      bootGuest({
        name: 'dgram-uml',
        kind: 'uml',
        nics: [{ transport: { type: 'vhost-user', path: vif }, address: '10.97.0.1/24' }],
      }),
      bootGuest({
        name: 'dgram-qemu',
        kind: 'qemu',
        nics: [{ transport: { type: 'dgram', path, own }, address: '10.97.0.2/24' }],
      }),
    ])
  })
  afterAll(async () => {
    await network?.stop()
    // QEMU does not remove its own socket.
    rmSync(folder, { recursive: true })
  })

  it('answer every ping and carry files unchanged both ways', async () => {
    expect(await pingLoss(uml, '10.97.0.2', { size: 1472 })).toBe(0)
    for (const { sent, received } of [
      await carryFile(uml, qemu, '10.97.0.2', 10),
      await carryFile(qemu, uml, '10.97.0.1', 10),
    ])
      expect(received).toBe(sent)
    expect(network.brokenFrames()).toEqual([])
    expect(network.counters('dgram').counts).toMatchObject({ egress_gso_frames: 0 })
    for (const guest of [uml, qemu]) expect(await checksumErrors(guest)).toBe(0)
  })

  it('the port waits for the next when the guest goes', async () => {
    await qemu.stop()
    await network.untilState('dgram', 'waiting')
    expect(network.history('dgram').at(-1)).toBe('detached')
  })
})
