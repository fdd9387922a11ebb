// Guarded ports of hosts that choose their addresses: prefixes, and addresses that are learned.

import { afterEach, describe, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { C_EGRESS_FRAMES, G_NOW_S } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import {
  ALL_NODES,
  address6,
  arp,
  ethernet,
  guarded,
  ingest,
  ipv4,
  ipv6,
  linkLayer,
  NA,
  NS,
  neighbour,
  OTHER,
  OTHER4,
  OWN,
  OWN4,
  passes,
  udp,
  ZERO4,
  ZERO6,
} from '../support/guard-frames.js'
import { attach, cleanUp, counter, newEngine } from '../support/switch.js'

afterEach(cleanUp)

const SERVER4 = [10, 0, 0, 254]
const START_S = 1_000_000

/** Sets the clock of the plane, later than the engine's own. */
function setClock(engine: Engine, seconds: number): void {
  const globals = new Globals(engine.memory)
  globals.set(G_NOW_S, START_S + seconds)
  globals.nowUs = (START_S + seconds) * 1e6
}

const from4 = (address: number[]): number[] => ipv4(address, OTHER4, 17, udp(1, 2))
const from6 = (address: number[]): number[] => ipv6(address, 17, udp(1, 2))
const dad = (address: number[]): number[] => ipv6(ZERO6, 58, neighbour(NS, address))

/** A DHCP answer of a server. Source: RFC 2131, 2. */
function answer(
  type: number,
  mac: number[],
  address: number[],
  leaseS = 3600,
  options: number[] = [],
): number[] {
  const message = new Array<number>(240).fill(0)
  message.splice(0, 3, 2, 1, 6)
  message.splice(16, 4, ...address)
  message.splice(28, 6, ...mac)
  message.splice(236, 4, 0x63, 0x82, 0x53, 0x63)
  const lease = [51, 4, leaseS >>> 24, (leaseS >> 16) & 255, (leaseS >> 8) & 255, leaseS & 255]
  const data = ipv4(SERVER4, [255, 255, 255, 255], 17, [
    ...[0, 67, 0, 68, 0, 0, 0, 0],
    ...message,
    ...options,
    ...[53, 1, type],
    ...lease,
    255,
  ])
  data.splice(6, 6, ...OTHER)
  return data
}

describe('an entry of addresses', () => {
  it.each<[string, string[], number[], boolean]>([
    ['a prefix', ['10.0.0.0/24'], from4([10, 0, 0, 77]), true],
    ['a prefix', ['10.0.0.0/24'], from4([10, 0, 1, 77]), false],
    ['a prefix of odd length', ['10.0.0.8/29'], from4([10, 0, 0, 15]), true],
    ['a prefix of odd length', ['10.0.0.8/29'], from4([10, 0, 0, 16]), false],
    ['a host among prefixes', ['192.168.0.0/16', '10.0.0.5'], from4([10, 0, 0, 5]), true],
    ['a host among prefixes', ['192.168.0.0/16', '10.0.0.5'], from4([10, 0, 0, 6]), false],
    ['all of a family', ['0.0.0.0/0'], from4([203, 0, 113, 5]), true],
    ['a prefix', ['10.0.0.0/24'], arp(1, OWN, ZERO4, [10, 0, 0, 9]), true],
    ['a prefix', ['10.0.0.0/24'], arp(1, OWN, ZERO4, [10, 0, 1, 9]), false],
    ['a prefix', ['169.254.0.0/16'], arp(1, OWN, ZERO4, [169, 254, 1, 1]), true],
    ['a prefix', ['2001:db8::/64'], from6(address6('2001:db8::dead:beef')), true],
    ['a prefix', ['2001:db8::/64'], from6(address6('2001:db8:0:1::1')), false],
    ['a prefix of odd length', ['2001:db8::/67'], from6(address6('2001:db8:0:0:1fff::1')), true],
    ['a prefix of odd length', ['2001:db8::/67'], from6(address6('2001:db8:0:0:2000::1')), false],
    ['a prefix', ['2001:db8::/64'], dad(address6('2001:db8::1')), true],
    ['a prefix', ['2001:db8::/64'], dad(address6('2001:db9::1')), false],
    ['any-link-local', ['any-link-local'], from6(address6('fe80::1234:5678:9abc:def0')), true],
    ['any-link-local', ['any-link-local'], dad(address6('fe80::1234:5678:9abc:def0')), true],
    ['any-link-local', ['any-link-local'], from6(address6('fec0::1')), false],
    ['any-link-local', ['any-link-local'], from6(address6('fd00::1')), false],
  ])('that is %s (%j) is compared as such', (_, addresses, data, expected) => {
    expect(passes(guarded({ addresses }), data)).toBe(expected)
  })
})

describe('learning from DHCP', () => {
  /** A guest held to what it is given, and a server on a port of the settings. */
  function leased(server = {}): Engine {
    const engine = newEngine()
    attach(engine, 'a', {}, { learn: { dhcp: true } })
    attach(engine, 'b', {}, server)
    setClock(engine, 0)
    // Who asks is known.
    expect(passes(engine, ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 67)))).toBe(true)
    return engine
  }

  it('allows the address of an acknowledgement while the lease runs, and no other', () => {
    const engine = leased()
    expect(passes(engine, from4(OWN4))).toBe(false)
    ingest(engine, 1, answer(2, OWN, OWN4))
    expect(passes(engine, from4(OWN4))).toBe(false)
    ingest(engine, 1, answer(5, OWN, OWN4, 100, [0, 0, 1, 4, 255, 255, 255, 0]))
    expect(
      [from4(OWN4), from4(OTHER4), arp(1, OWN, OWN4, OTHER4)].map((data) => passes(engine, data)),
    ).toEqual([true, false, true])
    setClock(engine, 99)
    expect(passes(engine, from4(OWN4))).toBe(true)
    ingest(engine, 1, answer(5, OWN, OWN4, 0xffffffff))
    setClock(engine, 200)
    expect(passes(engine, from4(OWN4))).toBe(true)
    ingest(engine, 1, answer(5, OWN, [10, 0, 0, 7], 10))
    setClock(engine, 211)
    expect(passes(engine, from4([10, 0, 0, 7]))).toBe(false)
  })

  it('learns at most 16 addresses', () => {
    const engine = leased()
    for (let n = 1; n <= 20; n++) ingest(engine, 1, answer(5, OWN, [10, 0, 1, n]))
    const passing = Array.from({ length: 20 }, (_, n) => passes(engine, from4([10, 0, 1, n + 1])))
    expect(passing.filter(Boolean)).toHaveLength(16)
  })

  it.each<[string, number[]]>([
    ['is for another guest', answer(5, OTHER, OWN4)],
    ['has no cookie', answer(5, OWN, OWN4).fill(0, 278, 282)],
    ['is cut short', answer(5, OWN, OWN4).slice(0, 281)],
    ['has an option beyond its end', answer(5, OWN, OWN4, 3600, [1, 255])],
    ['gives no address', answer(5, OWN, ZERO4)],
  ])('learns nothing when the message %s', (_, data) => {
    const engine = leased()
    ingest(engine, 1, data)
    expect(passes(engine, from4(OWN4))).toBe(false)
  })

  it('does not believe a port that is held to addresses itself', () => {
    const engine = leased({ addresses: ['10.0.0.254'] })
    ingest(engine, 1, answer(5, OWN, OWN4))
    expect(passes(engine, from4(OWN4))).toBe(false)
  })

  it('lets a guest renew a lease from before, and lets nothing else pass', () => {
    const engine = leased()
    expect(passes(engine, ipv4(OWN4, SERVER4, 17, udp(68, 67)))).toBe(true)
    expect(passes(engine, ipv4(OWN4, SERVER4, 17, udp(68, 69)))).toBe(false)
  })

  it('sees every answer, when the server is a guest whose frames the fast path would take', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { learn: { dhcp: true } })
    const b = attach(engine, 'b')
    const to = answer(5, OWN, OWN4)
    to.splice(0, 6, ...OWN)
    const request = ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 67))
    a.driver.send(Uint8Array.from(request))
    engine.step()
    for (let n = 0; n < 3; n++) {
      const plain = ethernet(0x88b5, new Array<number>(50).fill(n), OTHER, OWN)
      b.driver.send(Uint8Array.from(plain))
      engine.step()
    }
    b.driver.send(Uint8Array.from(to))
    engine.step()
    expect(passes(engine, from4(OWN4))).toBe(true)
  })
})

describe('learning from ND', () => {
  const MINE = address6('2001:db8::77')
  const settings = { learn: { nd: ['2001:db8::/64', 'any-link-local'] } }
  function claiming(other = {}): Engine {
    const engine = newEngine()
    attach(engine, 'a', {}, settings)
    attach(engine, 'b', {}, other)
    setClock(engine, 0)
    return engine
  }
  const advertise = (address: number[]): number[] => {
    const data = ipv6(address, 58, neighbour(NA, address, linkLayer(2, OTHER)), ALL_NODES)
    data.splice(6, 6, ...OTHER)
    return data
  }

  it('allows an address that the guest claimed and nobody defended, half a second later', () => {
    const engine = claiming()
    expect(passes(engine, from6(MINE))).toBe(false)
    expect(passes(engine, dad(MINE))).toBe(true)
    expect(passes(engine, from6(MINE))).toBe(false)
    setClock(engine, 1)
    expect([from6(MINE), from6(address6('2001:db8::78'))].map((data) => passes(engine, data))).toEqual([
      true,
      false,
    ])
    ingest(engine, 1, advertise(MINE))
    expect(passes(engine, from6(MINE))).toBe(true)
  })

  it('does not allow it when another host defends it', () => {
    const engine = claiming()
    passes(engine, dad(MINE))
    ingest(engine, 1, advertise(MINE))
    setClock(engine, 1)
    expect(passes(engine, from6(MINE))).toBe(false)
  })

  it.each<[string, object, number[]]>([
    ['lies outside of the prefixes', {}, address6('2001:db9::1')],
    ['is listed for another port', { addresses: ['2001:db8::77'] }, MINE],
    ['is unspecified', {}, ZERO6],
  ])('does not take a claim when the address %s', (_, other, address) => {
    const engine = claiming(other)
    expect(passes(engine, dad(address))).toBe(false)
    setClock(engine, 1)
    expect(passes(engine, from6(address))).toBe(false)
  })

  it('gives an address to the guest that claimed it first', () => {
    const engine = claiming(settings)
    expect(passes(engine, dad(MINE))).toBe(true)
    const second = dad(MINE)
    second.splice(6, 6, ...OTHER)
    const delivered = counter(engine, 0, C_EGRESS_FRAMES)
    ingest(engine, 1, second)
    expect(counter(engine, 0, C_EGRESS_FRAMES)).toBe(delivered)
  })

  it('learns at most 16 addresses, and new ones in the place of those that were silent', () => {
    const engine = claiming()
    const nth = (n: number): number[] => address6(`2001:db8::${n.toString(16)}`)
    const claims = Array.from({ length: 20 }, (_, n) => passes(engine, dad(nth(n + 1))))
    expect(claims.filter(Boolean)).toHaveLength(16)
    setClock(engine, 250)
    for (let n = 1; n <= 15; n++) passes(engine, from6(nth(n)))
    setClock(engine, 301)
    expect([passes(engine, dad(nth(18))), passes(engine, dad(nth(19)))]).toEqual([true, false])
  })

  it('forgets all when the guest goes', () => {
    const engine = claiming()
    passes(engine, dad(MINE))
    setClock(engine, 1)
    engine.plane.fdbSweep(0)
    expect(passes(engine, from6(MINE))).toBe(false)
  })
})

describe('hosts without an address', () => {
  it('may ask for one whatever they are held to', () => {
    const engine = guarded({ addresses: ['2001:db8::/64', 'any-link-local'] })
    const stable = address6('fe80::1234:5678:9abc:def0')
    const report = [143, ...new Array<number>(27).fill(0)]
    const all = [
      ipv6(ZERO6, 58, [133, 0, 0, 0, 0, 0, 0, 0]),
      ipv6(stable, 58, [133, 0, 0, 0, 0, 0, 0, 0, ...linkLayer(1, OWN)]),
      ipv6(stable, 0, [58, 0, 5, 2, 0, 0, 1, 0, ...report]),
      ipv6(stable, 58, neighbour(NS, address6('2001:db8::1'), linkLayer(1, OWN))),
      ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 67)),
    ]
    expect(all.map((data) => passes(engine, data))).toEqual(all.map(() => true))
  })
})
