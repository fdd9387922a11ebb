import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { asOrdinaryUser, expectError } from '../../test/support/expect-error.js'
import { socketSide } from '../../test/support/far-sides.js'
import { ipFrame } from '../../test/support/ip-frames.js'
import { enterPrivateNetwork, ip, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntil, stepUntilState } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine } from '../../test/support/switch.js'
import { DROP_HOST_ERROR, DROP_NO_LINK } from '../core/layout.js'

const reason = whyNoDevices()
if (reason === undefined) enterPrivateNetwork()
else console.warn(`skipped: packet port tests: ${reason}`)

describe.skipIf(reason !== undefined)('PacketPort', () => {
  beforeEach(() => {
    ip('link add rfport type veth peer name rffar')
    ip('link set rfport up')
    ip('link set rffar up')
  })
  afterEach(() => {
    cleanUp()
    ip('link del rfport')
  })

  it('says in one line what is wrong and leaves nothing when it cannot open', () => {
    const engine = newEngine()
    const free = engine.memory.freeBytes
    const open = (device: string) => engine.addPort({ kind: 'packet', name: 'p', device })
    expectError(() => open('rfnone'), 'NOT_FOUND', /device rfnone is not there/)
    expectError(() => open(''), 'USAGE', /device ""/)
    asOrdinaryUser(() => expectError(() => open('rfport'), 'PERMISSION', /device rfport: .*run as root/))
    expect(engine.memory.freeBytes).toBe(free)
    expect(engine.ports).toHaveLength(0)
  })

  it('counts the frames that the kernel refuses and sends those around them', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'packet', name: 'p', device: 'rfport' })
    const guest = attach(engine, 'g')
    const far = socketSide('rffar')
    for (const bytes of [60, 1600, 1514, 1519, 61]) guest.driver.enqueue(frame(1, 2, bytes))
    guest.driver.publish(1)
    const received = collect(engine, () => far.receive(), 3)
    expect(received.map(({ frame }) => frame.length)).toEqual([60, 1514, 61])
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(2)
    far.close()
  })

  it('puts back the tag that the kernel took out, with its priority and its protocol', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'packet', name: 'p', device: 'rfport' })
    const guest = attach(engine, 'g')
    const far = socketSide('rffar')
    for (const tag of [
      [0x81, 0x00, 0xa0, 0x0a],
      [0x88, 0xa8, 0x00, 0x0b],
    ]) {
      const plain = broadcast(1, 100)
      const sent = Uint8Array.from([...plain.subarray(0, 12), ...tag, ...plain.subarray(12)])
      far.send(sent)
      expect(Buffer.from(collect(engine, () => guest.driver.receive(), 1)[0]?.frame ?? [])).toEqual(
        Buffer.from(sent),
      )
    }
    far.close()
  })

  it('exchanges large frames through a bridge', () => {
    const engine = newEngine()
    // One that snoops multicast joins a group of its own, in frames that the guest would see.
    ip('link add rfbr type bridge mcast_snooping 0')
    ip('link add rfend type veth peer name rfslave')
    try {
      for (const slave of ['rffar', 'rfslave']) ip(`link set ${slave} master rfbr`)
      for (const device of ['rfbr', 'rfend', 'rfslave']) ip(`link set ${device} up`)
      engine.addPort({ kind: 'packet', name: 'p', device: 'rfport' })
      const guest = attach(engine, 'g')
      // The kernel tells the bridge of its ports' carriers when it finds time.
      const forwards = (slave: string) => ip(`-d link show dev ${slave}`).includes('state forwarding')
      stepUntil(engine, () => forwards('rffar') && forwards('rfslave'))
      stepUntilState(engine, 'up')
      const far = socketSide('rfend')
      const options = { ip: 4, protocol: 'tcp', payloadBytes: 30_000, gsoSize: 1448 } as const
      const out = ipFrame(1, 2, options)
      guest.driver.send(out.frame, out.header)
      const there = collect(engine, () => far.receive(), 1)[0]
      expect(Buffer.compare(there?.frame ?? new Uint8Array(0), out.frame)).toBe(0)
      expect(there?.header.gsoSize).toBe(1448)
      const back = ipFrame(2, 1, options)
      far.send(back.frame, back.header)
      const here = collect(engine, () => guest.driver.receive(), 1)[0]
      expect(Buffer.compare(here?.frame ?? new Uint8Array(0), back.frame)).toBe(0)
      expect(here?.header.gsoSize).toBe(1448)
      far.close()
    } finally {
      ip('link del rfbr')
      ip('link del rfend')
    }
  })

  it('follows the carrier of its device', () => {
    const events: string[] = []
    const engine = newEngine({ onReport: (_port, event) => events.push(event) })
    engine.addPort({ kind: 'packet', name: 'p', device: 'rfport' })
    const guest = attach(engine, 'g')
    // The kernel tells of a new pair's carrier when it finds time: before that, the port is attached as without it.
    stepUntilState(engine, 'up')
    ip('link set rffar down')
    stepUntilState(engine, 'attached')
    guest.driver.send(broadcast(2))
    engine.step()
    expect(dropped(engine, 0, DROP_NO_LINK)).toBe(0)
    ip('link set rffar up')
    stepUntilState(engine, 'up')
    const far = socketSide('rffar')
    guest.driver.send(broadcast(2))
    let received = 0
    stepUntil(engine, () => {
      while (far.receive()) received++
      return received > 0
    })
    expect(received).toBe(1)
    expect(events.filter((event) => event.startsWith('link-')).slice(0, 1)).toEqual(['link-up'])
    expect(events).toContain('link-down')
    far.close()
  })

  it('reads on after its device was set down and up', () => {
    const engine = newEngine()
    engine.addPort({ kind: 'packet', name: 'p', device: 'rfport' })
    const guest = attach(engine, 'g')
    stepUntilState(engine, 'up')
    ip('link set rfport down')
    stepUntilState(engine, 'attached')
    ip('link set rfport up')
    stepUntilState(engine, 'up')
    const far = socketSide('rffar')
    far.send(broadcast(1))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
    far.close()
  })
})
