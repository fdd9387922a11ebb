import { afterEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { expectError } from '../../test/support/expect-error.js'
import { tunnelSide } from '../../test/support/far-sides.js'
import { ipFrame } from '../../test/support/ip-frames.js'
import { OWN_UDP_PORT } from '../../test/support/own-udp-port.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../../test/support/switch.js'
import {
  C_PEER_MOVES,
  C_REPLICATED,
  DROP_BAD_TUNNEL,
  DROP_NO_LINK,
  DROP_RUNT,
  DROP_UNKNOWN_PEER,
  DROP_WRONG_VNI,
} from '../core/layout.js'
import type { EmbeddedGuest } from '../embedded/guest.js'
import type { Engine } from '../engine/engine.js'
import type { VxlanConfig } from './config.js'

const VNI = 100
const GUEST = 2
const FAR = 7
const host = (last: number): Uint8Array => Uint8Array.of(127, 0, 1, last)
const BASE = { kind: 'vxlan', name: 't', local: '127.0.1.1', udpPort: OWN_UDP_PORT, vni: VNI } as const

const opened: { close(): void }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
  cleanUp()
})

/** A VTEP at 127.0.1.x that sends to the switch's. */
function side(last: number, vni = VNI): ReturnType<typeof tunnelSide> {
  const far = tunnelSide({ own: host(last), theirs: host(1), udpPort: OWN_UDP_PORT, vni })
  opened.push(far)
  return far
}

function start(settings: Partial<VxlanConfig> = {}): { engine: Engine; guest: EmbeddedGuest } {
  const engine = newEngine()
  engine.addPort({ ...BASE, peers: ['127.0.1.2', '127.0.1.3'], ...settings })
  return { engine, guest: attach(engine, 'g') }
}

const settle = (engine: Engine): void => {
  for (let step = 0; step < 8; step++) engine.step(500)
}

/** Who of some VTEPs gets a frame that a guest sends. */
function reached(
  engine: Engine,
  guest: EmbeddedGuest,
  data: Uint8Array,
  ...sides: ReturnType<typeof side>[]
): boolean[] {
  guest.driver.send(data)
  settle(engine)
  return sides.map((far) => {
    const [first] = collect(engine, () => far.receive(), 1, 4)
    return first !== undefined && Buffer.compare(first.frame, data) === 0
  })
}

describe('VxlanPort', () => {
  it('sends to the peer that an address was heard from, and to all what is flooded', () => {
    const { engine, guest } = start()
    const [two, three] = [side(2), side(3)]
    expect(reached(engine, guest, broadcast(GUEST), two, three)).toEqual([true, true])
    expect(reached(engine, guest, frame(FAR, GUEST, 200), two, three)).toEqual([true, true])
    expect(counter(engine, 0, C_REPLICATED)).toBe(2)
    three.send(broadcast(FAR))
    settle(engine)
    expect(reached(engine, guest, frame(FAR, GUEST, 200), two, three)).toEqual([false, true])
    expect(counter(engine, 0, C_PEER_MOVES)).toBe(0)
    two.send(broadcast(FAR))
    settle(engine)
    expect(reached(engine, guest, frame(FAR, GUEST, 200), two, three)).toEqual([true, false])
    expect(counter(engine, 0, C_PEER_MOVES)).toBe(1)
  })

  it('sends everything to all when it does not learn', () => {
    const { engine, guest } = start({ learnPeers: false })
    const [two, three] = [side(2), side(3)]
    three.send(broadcast(FAR))
    settle(engine)
    expect(reached(engine, guest, frame(FAR, GUEST, 200), two, three)).toEqual([true, true])
  })

  it('never sends back into the tunnel what came by it', () => {
    const { engine, guest } = start()
    const [two, three] = [side(2), side(3)]
    three.send(broadcast(FAR))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
    expect(collect(engine, () => two.receive(), 1, 8)).toHaveLength(0)
  })

  it('counts what is no datagram of its network by name, and goes on', () => {
    const { engine, guest } = start()
    const [two, stranger] = [side(2), side(9)]
    const data = frame(0xff, FAR, 60)
    two.raw(Uint8Array.of())
    two.raw(Uint8Array.of(8, 0, 0, 0, 0, 0, VNI))
    two.raw(Uint8Array.of(0, 0, 0, 0, 0, 0, VNI, 0, ...data))
    two.raw(Uint8Array.of(8, 0, 0, 0, 0, 0, VNI + 1, 0, ...data))
    two.raw(Uint8Array.of(8, 0, 0, 0, 0, 0, VNI, 0, 1, 2, 3))
    stranger.send(data)
    settle(engine)
    expect(dropped(engine, 0, DROP_BAD_TUNNEL)).toBe(3)
    expect(dropped(engine, 0, DROP_WRONG_VNI)).toBe(1)
    expect(dropped(engine, 0, DROP_RUNT)).toBe(1)
    expect(dropped(engine, 0, DROP_UNKNOWN_PEER)).toBe(1)
    // Every bit that RFC 7348 reserves is set.
    two.raw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, VNI, 0xff, ...broadcast(FAR)))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
  })

  it('hears and answers whoever sends when anyPeer says so', () => {
    const { engine, guest } = start({ peers: [], anyPeer: true })
    const stranger = side(9)
    expect(reached(engine, guest, frame(FAR, GUEST, 200), stranger)).toEqual([false])
    expect(dropped(engine, 0, DROP_NO_LINK)).toBe(1)
    stranger.send(broadcast(FAR))
    expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
    expect(reached(engine, guest, frame(FAR, GUEST, 200), stranger)).toEqual([true])
  })

  it('shares its socket with the port of another network', () => {
    const { engine } = start({ vlan: 10 })
    const guest = attach(engine, 'i', {}, { vlan: 10 })
    engine.addPort({ ...BASE, name: 'u', vni: 200, vlan: 20, peers: ['127.0.1.2'] })
    const far = side(2, 200)
    const other = attach(engine, 'h', {}, { vlan: 20 })
    far.send(broadcast(FAR))
    expect(collect(engine, () => other.driver.receive(), 1)).toHaveLength(1)
    expect(guest.driver.receive()).toBeUndefined()
    engine.removePort('t')
    far.send(broadcast(FAR))
    expect(collect(engine, () => other.driver.receive(), 1)).toHaveLength(1)
  })

  it('is refused when its network, its address or its UDP port is not to be had', () => {
    const { engine } = start()
    const add = (more: Partial<VxlanConfig>) => () =>
      engine.addPort({ ...BASE, name: 'u', peers: ['127.0.1.2'], ...more })
    expectError(add({}), 'BUSY', /VNI 100 at 127\.0\.1\.1 is port t's/)
    expectError(add({ local: '192.0.2.1' }), 'NOT_FOUND', /address 192\.0\.2\.1 is on no device/)
    expectError(add({ vni: 3, local: '127.0.1.2', peers: [] }), 'CONFIG', /peers are missing/)
    expectError(add({ peers: ['fd00::1'] }), 'CONFIG', /peers\[0\] is "fd00::1", and local is/)
    side(4)
    expectError(add({ local: '127.0.1.4' }), 'BUSY', /another program or a vxlan device/)
  })

  it('changes its peers in place, and forgets what was behind those that are gone', () => {
    const { engine, guest } = start()
    const [two, three, four] = [side(2), side(3), side(4)]
    three.send(broadcast(FAR))
    settle(engine)
    engine.apply([{ change: 'set', config: { ...BASE, peers: ['127.0.1.2', '127.0.1.4'] } }])
    expect(reached(engine, guest, frame(FAR, GUEST, 200), two, three, four)).toEqual([true, false, true])
    three.send(broadcast(FAR))
    settle(engine)
    expect(dropped(engine, 0, DROP_UNKNOWN_PEER)).toBe(1)
  })

  it('cuts super-frames into datagrams that arrive whole and in order', () => {
    const { engine, guest } = start()
    const [two, three] = [side(2), side(3)]
    two.send(broadcast(FAR))
    settle(engine)
    for (const options of [{ vlan: 5 }, {}]) {
      const kind = { ip: 4, protocol: 'tcp', payloadBytes: 60_000, gsoSize: 1448 } as const
      const { frame: large, header, payload } = ipFrame(FAR, GUEST, { ...kind, ...options })
      guest.driver.send(large, header)
      const frames = collect(engine, () => two.receive(), Math.ceil(60_000 / 1448))
      const parts = frames.map(({ frame }) => frame.subarray(14 + 20 + 20 + ('vlan' in options ? 4 : 0)))
      expect(Buffer.compare(Buffer.concat(parts), payload)).toBe(0)
    }
    expect(three.receive()).toBeUndefined()
  })
})
