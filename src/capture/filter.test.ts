import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.js'
import type { Filtered } from './frame-view.js'

const frame = (hex: string, more: Partial<Filtered> = {}): Filtered => {
  const data = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return { data, sizeBytes: data.length, direction: 'ingress', ...more }
}
const MACS = '020000000002 020000000001'
const UDP4 = `${MACS} 0800 4500001c00000000 40110000 0a000001 0a000002 1f90 0035 0008 0000`
const TAGGED = `${MACS} 8100 0007 0800 4500001c00000000 40110000 0a000001 0a000002 1f90 0035 0008 0000`
const TCP6 = `${MACS} 86dd 60000000 00140640 fd000000000000000000000000000001 fd000000000000000000000000000002 01bb 1000 ${'00'.repeat(16)}`
const ARP = `${MACS} 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002`

describe('compileFilter', () => {
  it.each([
    ['', UDP4, true],
    ['udp and dst port 53', UDP4, true],
    ['udp and src port 53', UDP4, false],
    ['port 80 or 53', UDP4, true],
    ['port (80 or 81)', UDP4, false],
    ['portrange 8000-8080', UDP4, true],
    ['host 10.0.0.2 and not tcp', UDP4, true],
    ['src or dst host 10.0.0.3', UDP4, false],
    ['src and dst net 10', UDP4, true],
    ['net 10.0.0.0/30', ARP, true],
    ['arp host 10.0.0.2', ARP, true],
    ['ip host 10.0.0.2', ARP, false],
    ['ether src 2:0:0:0:0:1', ARP, true],
    ['ether host 02:00:00:00:00:03', ARP, false],
    ['ether proto 0x0806', ARP, true],
    ['ip6 and tcp port 443', TCP6, true],
    ['src host fd00::1 && dst net fd00::/8', TCP6, true],
    ['!(ip6 || arp)', TCP6, false],
    ['ip proto udp', UDP4, true],
    ['udp', TAGGED, false],
    ['vlan 7 and udp port 53', TAGGED, true],
    ['vlan 8', TAGGED, false],
    ['greater 42 and less 42', UDP4, true],
    ['arp or ip and tcp', UDP4, false],
    ['inbound', UDP4, true],
    ['dropped', UDP4, false],
  ])('%s', (expression, hex, expected) => {
    expect(compileFilter(expression)(frame(hex))).toBe(expected)
  })

  it('knows what Ringferry knows of a frame', () => {
    expect(compileFilter('outbound and dropped')(frame(UDP4, { direction: 'egress', drop: 'vlan' }))).toBe(
      true,
    )
  })

  it('matches no frame that was cut before what it asks for, asked either way', () => {
    const cut = frame(UDP4.slice(0, 40))
    expect(compileFilter('udp')(cut)).toBe(false)
    expect(compileFilter('not udp')(cut)).toBe(false)
    expect(compileFilter('not arp')(cut)).toBe(true)
  })

  it.each([
    ['prt 53', 'filter, character 1: "prt" is no primitive (did you mean "port"?)'],
    ['udp and', 'filter, character 8: it ends here, and is where a primitive is missing'],
    ['host', 'filter, character 5: it ends here, and is where a value is missing'],
    ['host 10.0.0.300', 'filter, character 6: "10.0.0.300" is no address'],
    ['net 10.0.0.1/24', 'filter, character 5: "10.0.0.1/24" has bits set beyond its prefix length'],
    ['tcp host 10.0.0.1', 'filter, character 10: "10.0.0.1" is an address that "tcp" has none of'],
    ['udp port 70000', 'filter, character 10: "70000" is no port'],
    ['arp port 5', 'filter, character 10: "5" is a port, and "arp" has none'],
    ['(arp', 'filter, character 5: it ends here, and is where a ")" is missing'],
    ['arp)', 'filter, character 4: ")" is not expected here'],
    ['arp ip', 'filter, character 5: "ip" is'],
    ['vlan 5000', 'filter, character 6: "5000" is no VLAN'],
    ['ether', 'filter, character 6: it ends here, and is needed behind "ether"'],
    ['ether proto 100', 'filter, character 13: "100" is a length'],
    ['arp; rm', 'filter, character 1: "arp;" is no primitive (did you mean "arp"?)'],
    [`${'('.repeat(40)}arp`, 'filter, character 33: "(" is nested deeper than 32 levels'],
    ['x'.repeat(3000), 'the filter has 3000 characters'],
  ])('says where an expression is wrong: %s', (expression, text) => {
    let message = ''
    try {
      compileFilter(expression)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain(text)
    expect(message).not.toContain('\n')
  })
})
