import { afterEach, describe, expect, it } from 'vitest'
import { C_FLOODS, DROP_SPOOFED, HEAP_AT } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { readGuard } from '../../src/port/guard.js'
import { parseHostAddress } from '../../src/port/guard-address.js'
import { readSettings } from '../../src/port/settings.js'
import {
  address6,
  arp,
  echo,
  ethernet,
  extension,
  fragment,
  guarded,
  ingest,
  ipv4,
  ipv6,
  LINK_LOCAL6,
  linkLayer,
  NA,
  NS,
  neighbour,
  OTHER,
  OTHER4,
  OTHER6,
  OWN,
  OWN4,
  OWN6,
  passes,
  tagged,
  udp,
  ZERO4,
  ZERO6,
} from '../support/guard-frames.js'
import { ipFrame } from '../support/ip-frames.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

describe('anti-spoofing by MAC', () => {
  it('drops frames from any address that is not listed, and never learns it', () => {
    const engine = guarded({ macs: ['02:00:00:00:00:01', '02:00:00:00:00:03'] })
    expect([1, 3, 2, 9].map((from) => passes(engine, frame(8, from, 60)))).toEqual([true, true, false, false])
    expect(dropped(engine, 0, DROP_SPOOFED)).toBe(2)
    const floods = counter(engine, 1, C_FLOODS)
    ingest(engine, 1, frame(3, 2, 60))
    expect(counter(engine, 1, C_FLOODS)).toBe(floods)
    ingest(engine, 1, frame(9, 2, 60))
    expect(counter(engine, 1, C_FLOODS)).toBe(floods + 1)
  })

  it('compares with each of 16 listed addresses', () => {
    const macs = Array.from({ length: 16 }, (_, index) => `02:00:00:00:00:${(index + 16).toString(16)}`)
    const engine = guarded({ macs })
    for (let from = 15; from <= 32; from++)
      expect(passes(engine, frame(8, from, 60))).toBe(from >= 16 && from < 32)
  })

  it('takes effect at once on frames whose forwarding is cached, and ends at once', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    b.driver.send(broadcast(2))
    engine.step()
    a.driver.receive()
    const delivered = (from: number): number => {
      for (let i = 0; i < 32; i++) a.driver.enqueue(frame(2, from, 60))
      a.driver.publish(1)
      engine.plane.poll(0, 64)
      a.driver.reapTx()
      return b.driver.drainRx(false)
    }
    expect(delivered(5)).toBe(32)
    const row = new PortRow(engine.memory, 0)
    row.configure(readSettings({ name: 'a', macs: ['02:00:00:00:00:01'] }))
    expect(delivered(5)).toBe(0)
    expect(delivered(1)).toBe(32)
    expect(delivered(1)).toBe(32)
    expect(dropped(engine, 0, DROP_SPOOFED)).toBe(32)
    row.configure(readSettings({ name: 'a', addresses: ['10.0.0.1'] }))
    expect(delivered(1)).toBe(0)
    row.configure(readSettings({ name: 'a' }))
    expect(delivered(5)).toBe(32)
  })
})

describe('the address guard', () => {
  const LISTED = ['10.0.0.1', 'fd00::1']
  const cases: [string, number[], boolean][] = [
    ['IPv4 from a listed address', ipv4(OWN4, OTHER4, 17, udp(1, 2)), true],
    ['IPv4 from another', ipv4(OTHER4, OWN4, 17, udp(1, 2)), false],
    ['IPv4 cut short', ipv4(OWN4, OTHER4, 17, []).slice(0, 33), false],
    ['another IP version under the IPv4 type', ethernet(0x800, ipv6(OWN6, 17, udp(1, 2)).slice(14)), false],
    ['a DHCP client without address', ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 67)), true],
    ['the same behind IPv4 options', ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 67), 10), true],
    ['a DHCP client to one host', ipv4(ZERO4, OTHER4, 17, udp(68, 67)), false],
    ['an IGMP report without address', ipv4(ZERO4, [224, 0, 0, 22], 2, [0x22, 0, 0, 0, 0, 0, 0, 0], 1), true],
    ['an IGMPv2 report without address', ipv4(ZERO4, [224, 0, 0, 251], 2, [0x16, 0, 0, 0, 0, 0, 0, 0]), true],
    ['an IGMP query without address', ipv4(ZERO4, [224, 0, 0, 1], 2, [0x11, 0, 0, 0, 0, 0, 0, 0]), false],
    ['an IGMP report to one host', ipv4(ZERO4, OTHER4, 2, [0x22, 0, 0, 0, 0, 0, 0, 0]), false],
    ['an IGMP report from another', ipv4(OTHER4, [224, 0, 0, 22], 2, [0x22, 0, 0, 0, 0, 0, 0, 0]), false],
    ['other UDP without address', ipv4(ZERO4, [255, 255, 255, 255], 17, udp(68, 69)), false],
    ['other protocols without address', ipv4(ZERO4, [255, 255, 255, 255], 6, udp(68, 67)), false],
    ['a tagged listed address', tagged(ipv4(OWN4, OTHER4, 17, udp(1, 2)), 1), true],
    ['another behind two tags', tagged(ipv4(OTHER4, OWN4, 17, udp(1, 2)), 2), false],
    ['a listed address behind three tags', tagged(ipv4(OWN4, OTHER4, 17, udp(1, 2)), 3), false],
    ['an ARP request', arp(1, OWN, OWN4, OTHER4), true],
    ['an ARP reply', arp(2, OWN, OWN4, OTHER4), true],
    ['an ARP request for another sender', arp(1, OWN, OTHER4, OWN4), false],
    ['an ARP reply with another MAC', arp(2, OTHER, OWN4, OTHER4), false],
    ['an ARP probe for a listed address', arp(1, OWN, ZERO4, OWN4), true],
    ['an ARP probe for another', arp(1, OWN, ZERO4, OTHER4), false],
    ['an ARP reply without sender', arp(2, OWN, ZERO4, OWN4), false],
    ['ARP of another hardware', arp(1, OWN, OWN4, OTHER4).fill(6, 15, 16), false],
    ['ARP cut short', arp(1, OWN, OWN4, OTHER4).slice(0, 41), false],
    ['a RARP announcement', arp(3, OWN, ZERO4, ZERO4, 0x8035), true],
    ['a RARP announcement of another MAC', arp(3, OTHER, ZERO4, ZERO4, 0x8035), false],
    ['a RARP reply', arp(4, OWN, ZERO4, ZERO4, 0x8035), false],
    ['another EtherType', ethernet(0x88b5, new Array(46).fill(0)), false],
    ['IPv6 from a listed address', ipv6(OWN6, 17, udp(1, 2)), true],
    ['IPv6 from another', ipv6(OTHER6, 17, udp(1, 2)), false],
    ['IPv6 from the derived link-local address', ipv6(LINK_LOCAL6, 17, udp(1, 2)), false],
    ['IPv6 cut short', ipv6(OWN6, 59, []).slice(0, 53), false],
    ['UDP from ::', ipv6(ZERO6, 17, udp(1, 2)), false],
    ['an echo request', ipv6(OWN6, 58, echo), true],
    ['an echo request from ::', ipv6(ZERO6, 58, echo), false],
    ['DAD for a listed address', ipv6(ZERO6, 58, neighbour(NS, OWN6)), true],
    ['DAD for another', ipv6(ZERO6, 58, neighbour(NS, OTHER6)), false],
    ['DAD to one host', ipv6(ZERO6, 58, neighbour(NS, OWN6), OTHER6), false],
    ['a solicitation for another', ipv6(OWN6, 58, neighbour(NS, OTHER6, linkLayer(1, OWN))), true],
    [
      'a solicitation that names another MAC',
      ipv6(OWN6, 58, neighbour(NS, OTHER6, linkLayer(1, OTHER))),
      false,
    ],
    ['an advertisement', ipv6(OWN6, 58, neighbour(NA, OWN6, linkLayer(2, OWN))), true],
    ['an advertisement without option', ipv6(OWN6, 58, neighbour(NA, OWN6)), true],
    ['an advertisement for another target', ipv6(OWN6, 58, neighbour(NA, OTHER6, linkLayer(2, OWN))), false],
    [
      'an advertisement that names another MAC',
      ipv6(OWN6, 58, neighbour(NA, OWN6, linkLayer(2, OTHER))),
      false,
    ],
    [
      'an advertisement whose second option names another MAC',
      ipv6(OWN6, 58, neighbour(NA, OWN6, [14, 1, 0, 0, 0, 0, 0, 0, ...linkLayer(2, OTHER)])),
      false,
    ],
    [
      'an advertisement with an option of length 0',
      ipv6(OWN6, 58, neighbour(NA, OWN6, [2, 0, ...OWN])),
      false,
    ],
    ['an advertisement cut short', ipv6(OWN6, 58, neighbour(NA, OWN6).slice(0, 20)), false],
    [
      'an advertisement behind extension headers',
      ipv6(OWN6, 0, [...extension(60, 8), ...extension(58, 16), ...neighbour(NA, OTHER6)]),
      false,
    ],
    [
      'an advertisement in a first fragment',
      ipv6(OWN6, 44, [...fragment(58, 0), ...neighbour(NA, OTHER6)]),
      false,
    ],
    ['a later fragment', ipv6(OWN6, 44, [...fragment(58, 8), ...neighbour(NA, OTHER6)]), true],
    ['UDP behind a hop-by-hop header', ipv6(OWN6, 0, [...extension(17, 8), ...udp(1, 2)]), true],
    ['headers that go on too far', ipv6(OWN6, 0, [...extension(58, 256), ...echo]), false],
    ['a listener report from ::', ipv6(ZERO6, 0, [...extension(58, 8), 143, ...new Array(27).fill(0)]), true],
    ['a router solicitation from ::', ipv6(ZERO6, 58, [133, 0, 0, 0, 0, 0, 0, 0]), true],
    ['an advertisement from ::', ipv6(ZERO6, 58, neighbour(NA, OWN6)), false],
  ]

  it('judges each kind of packet by its own addresses when some are listed', () => {
    const engine = guarded({ addresses: LISTED })
    const verdicts = cases.map(([name, data]) => [name, passes(engine, data)])
    expect(verdicts).toEqual(cases.map(([name, , verdict]) => [name, verdict]))
  })

  it('judges the same when the frame lies in many descriptors', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { addresses: LISTED })
    const b = attach(engine, 'b')
    const verdicts = cases
      .filter(([, data]) => data.length > 40)
      .map(([name, data]) => {
        a.driver.send(Uint8Array.from(data), {}, 0, { descriptors: 5, separateHeader: true })
        engine.plane.poll(0, 64)
        a.driver.reapTx()
        const received = b.driver.receive()
        if (received) expect(Buffer.compare(received.frame, Uint8Array.from(data))).toBe(0)
        return [name, received !== undefined]
      })
    expect(verdicts).toEqual(
      cases.filter(([, data]) => data.length > 40).map(([name, , verdict]) => [name, verdict]),
    )
  })

  it('allows the link-local address derived from the source MAC when "link-local" is listed', () => {
    const engine = guarded({ addresses: ['link-local'] })
    expect(passes(engine, ipv6(LINK_LOCAL6, 58, neighbour(NA, LINK_LOCAL6, linkLayer(2, OWN))))).toBe(true)
    expect(passes(engine, ipv6(ZERO6, 58, neighbour(NS, LINK_LOCAL6)))).toBe(true)
    expect(passes(engine, ipv6(address6('fe80::ff:fe00:2'), 17, udp(1, 2)))).toBe(false)
    expect(passes(engine, ipv6(address6('fe80:0:0:1:0:ff:fe00:1'), 17, udp(1, 2)))).toBe(false)
    expect(passes(engine, ipv6(OWN6, 17, udp(1, 2)))).toBe(false)
    expect(passes(engine, ipv4(OWN4, OTHER4, 17, udp(1, 2)))).toBe(false)
    const unusual = [0xac, 0x12, 0x34, 0x56, 0x78, 0x9a]
    const derived = address6('fe80::ae12:34ff:fe56:789a')
    const data = ipv6(derived, 17, udp(1, 2))
    data.splice(6, 6, ...unusual)
    expect(passes(engine, data)).toBe(true)
  })

  it('judges offloaded frames by the addresses of their packet', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { txSlotBytes: 16384 }, { addresses: ['10.0.0.1', 'fd00::1'] })
    const b = attach(engine, 'b', { bufferBytes: 16384 })
    const sends = (ip: 4 | 6, from: number): boolean => {
      const sent = ipFrame(2, from, { ip, protocol: 'tcp', payloadBytes: 9000, gsoSize: 1400 })
      a.driver.send(sent.frame, sent.header)
      engine.plane.poll(0, 64)
      a.driver.reapTx()
      const received = b.driver.receive()
      if (received) expect(Buffer.compare(received.frame, sent.frame)).toBe(0)
      return received !== undefined
    }
    expect([sends(4, 1), sends(6, 1), sends(4, 9), sends(6, 9)]).toEqual([true, true, false, false])
    expect(dropped(engine, 0, DROP_SPOOFED)).toBe(2)
  })
})

describe('readGuard', () => {
  it.each([
    [{ macs: ['02:00:00:00:01'] }, 'port web: macs[0] is "02:00:00:00:01"; write a MAC address as six'],
    [
      { macs: ['02:00:00:00:00:01', '01:00:5e:00:00:01'] },
      'macs[1] is "01:00:5e:00:00:01", which no station can',
    ],
    [{ macs: ['00:00:00:00:00:00'] }, 'which no station can send from'],
    [{ macs: [] }, 'port web: macs is empty; list what is allowed, or leave it out for no check'],
    [{ addresses: [] }, 'port web: addresses is empty'],
    [{ addresses: ['10.0.0.5/24'] }, 'addresses[0] is "10.0.0.5/24", which has bits set beyond its length'],
    [{ addresses: ['10.0.0.0/33'] }, 'addresses[0] is "10.0.0.0/33"; write an address or a prefix'],
    [{ addresses: ['fd00::/x'] }, 'addresses[0] is "fd00::/x"; write an address or a prefix'],
    [{ learn: { nd: ['10.0.0.0/8'] } }, 'learn.nd takes IPv6 prefixes'],
    [{ learn: { nd: ['link-local'] } }, 'learn.nd takes IPv6 prefixes'],
    [
      { learn: { nd: Array.from({ length: 9 }, (_, i) => `fd0${i}::/16`) } },
      'learn.nd has 9 prefixes; a port can be held to at most 8',
    ],
    [{ addresses: ['fe80::1%eth0'] }, 'addresses[0] is "fe80::1%eth0"; write an IPv4 or IPv6 address'],
    [{ addresses: ['10.0.0.256'] }, 'write an IPv4 or IPv6 address, like 10.0.0.5 or fd00::5'],
    [{ addresses: ['10.0.0.1', '::'] }, 'addresses[1] is "::", which no host can send from'],
    [{ addresses: ['ff02::1'] }, 'which no host can send from'],
    [{ addresses: ['255.255.255.255'] }, 'which no host can send from'],
    [
      { addresses: Array.from({ length: 17 }, (_, i) => `10.0.0.${i + 1}`) },
      'has 17 IPv4 addresses; a port can',
    ],
  ])('names entry and remedy when given %j', (settings, message) => {
    expect(() => readGuard(settings, 'web')).toThrow(message)
  })

  it('reads every way to write an IPv6 address', () => {
    const bytes = (text: string): string =>
      Buffer.from(parseHostAddress(text, { owner: 'test', path: [] })).toString('hex')
    expect(bytes('2001:db8::a:1')).toBe('20010db8000000000000000000' + '0a0001')
    expect(bytes('::1')).toBe('00000000000000000000000000000001')
    expect(bytes('FD00::')).toBe('fd000000000000000000000000000000')
    expect(bytes('1:2:3:4:5:6:7:8')).toBe('00010002000300040005000600070008')
    expect(bytes('::ffff:10.1.2.3')).toBe('00000000000000000000ffff0a010203')
  })

  it('keeps a port from opening, and its memory free, when a setting is malformed', () => {
    const engine = newEngine()
    attach(engine, 'a')
    const free = engine.memory.allocate(64)
    engine.memory.free(free)
    expect(free).toBeGreaterThan(HEAP_AT)
    expect(() => attach(engine, 'b', {}, { macs: ['nonsense'] })).toThrow('port b: macs[0] is "nonsense"')
    expect(engine.memory.allocate(64)).toBe(free)
    expect(engine.ports.map((port) => port.name)).toEqual(['a'])
  })
})
