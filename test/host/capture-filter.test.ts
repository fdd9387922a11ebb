// Filters against libpcap: tcpdump reads the same frames with the same expressions.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { compileFilter } from '../../src/capture/filter.js'
import type { Filtered } from '../../src/capture/frame-view.js'
import { readFrames } from '../../src/capture/packet-file.js'
import { PcapngWriter } from '../../src/capture/pcapng.js'

const SEED = 20261127
const hasTcpdump = spawnSync('tcpdump', ['--version']).error === undefined
if (!hasTcpdump) console.log('skipped: tcpdump is missing; apt-get install tcpdump')
const folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const be16 = (value: number): number[] => [value >> 8, value & 0xff]
const MACS = ['020000000001', '020000000002', 'ffffffffffff', '01005e000001']
const V4 = [
  [10, 0, 0, 1],
  [10, 0, 0, 2],
  [10, 1, 0, 1],
  [192, 168, 7, 9],
]
const V6 = [
  'fd000000000000000000000000000001',
  'fd000000000000000000000000000002',
  'fe80000000000000000000000000beef',
]
const hex = (text: string): number[] => [...Buffer.from(text, 'hex')]

const transport = fc
  .tuple(fc.constantFrom(22, 53, 80, 443, 8080), fc.constantFrom(53, 80, 1024, 8081), fc.nat(40))
  .map(([source, destination, more]) => [
    ...be16(source),
    ...be16(destination),
    ...new Array(more + 4).fill(0),
  ])
const v4 = fc
  .tuple(
    fc.constantFrom(...V4),
    fc.constantFrom(...V4),
    fc.constantFrom(1, 2, 6, 17, 132, 50),
    fc.constantFrom(0, 0, 0, 0x2000, 0x2005),
    fc.constantFrom(5, 5, 6),
    transport,
  )
  .map(([source, destination, protocol, fragment, words, payload]) => [
    ...be16(0x0800),
    ...[0x40 | words, 0, ...be16(words * 4 + payload.length), 0, 0, ...be16(fragment), 64, protocol, 0, 0],
    ...[...source, ...destination, ...new Array((words - 5) * 4).fill(1), ...payload],
  ])
const v6 = fc
  .tuple(
    fc.constantFrom(...V6),
    fc.constantFrom(...V6),
    fc.constantFrom(6, 17, 58, 44, 0),
    fc.constantFrom(6, 17, 58),
    transport,
  )
  .map(([source, destination, next, inner, payload]) => {
    const body = next === 44 ? [inner, 0, 0, 0, 0, 0, 0, 0, ...payload] : payload
    return [
      ...[...be16(0x86dd), 0x60, 0, 0, 0, ...be16(body.length), next, 64],
      ...[...hex(source), ...hex(destination), ...body],
    ]
  })
const arp = fc
  .tuple(fc.constantFrom(...V4), fc.constantFrom(...V4), fc.constantFrom(0x0806, 0x8035))
  .map(([sender, target, type]) => [
    ...[...be16(type), 0, 1, 8, 0, 6, 4, 0, 1],
    ...[2, 0, 0, 0, 0, 1, ...sender, 0, 0, 0, 0, 0, 0, ...target],
  ])
// No packet that is cut short: libpcap's optimizer may not look at it where the expression does not depend on it.
const other = fc.constantFrom(...[0x88b5, 0x0900].map((type) => [...be16(type), 1, 2, 3]))
const tag = fc
  .tuple(fc.constantFrom(0x8100, 0x88a8), fc.constantFrom(0, 7, 8, 4094))
  .map(([type, id]) => [...be16(type), ...be16(id | 0x2000)])
const frameBytes = fc
  .tuple(
    fc.constantFrom(...MACS),
    fc.constantFrom(...MACS.slice(0, 2)),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([] as number[]) },
      { weight: 2, arbitrary: tag },
      { weight: 1, arbitrary: fc.tuple(tag, tag).map(([one, two]) => [...one, ...two]) },
    ),
    fc.oneof(
      { weight: 4, arbitrary: v4 },
      { weight: 2, arbitrary: v6 },
      { weight: 1, arbitrary: arp },
      { weight: 1, arbitrary: other },
    ),
  )
  .map(([to, from, tags, rest]) => Uint8Array.from([...hex(to), ...hex(from), ...tags, ...rest]))

const side = fc.constantFrom('', '', 'src ', 'dst ', 'src or dst ', 'src and dst ')
const v4Text = fc.constantFrom('10.0.0.1', '10.0.0.2', '192.168.7.9')
const primitive = fc.oneof(
  fc.constantFrom(...['ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'sctp', 'icmp', 'icmp6', 'igmp']),
  fc.tuple(side, v4Text).map(([way, address]) => `${way}host ${address}`),
  fc.tuple(side, v4Text).map(([way, address]) => `ip ${way}host ${address}`),
  fc.tuple(side, fc.constantFrom('fd00::1', 'fe80::beef')).map(([way, address]) => `${way}host ${address}`),
  fc
    .tuple(side, fc.constantFrom('10.0.0.0/24', '10', '192.168', '10.0.0.0/30', 'fd00::/64', 'fe80::/10'))
    .map(([way, net]) => `${way}net ${net}`),
  fc
    .tuple(fc.constantFrom('', 'tcp ', 'udp ', 'sctp '), side, fc.constantFrom(53, 80, 443))
    .map(([protocol, way, port]) => `${protocol}${way}port ${port}`),
  fc.tuple(side, fc.constantFrom('1-80', '8080-9000')).map(([way, range]) => `${way}portrange ${range}`),
  fc
    .tuple(side, fc.constantFrom('02:00:00:00:00:01', '2:0:0:0:0:2'))
    .map(([way, mac]) => `ether ${way}host ${mac}`),
  fc.constantFrom(
    ...[
      'ether proto 0x88b5',
      'ether proto 2048',
      'ip proto 50',
      'ip6 proto 58',
      'proto 17',
      'arp host 10.0.0.1',
    ],
    ...[
      'vlan',
      'vlan 7',
      'broadcast',
      'multicast',
      'less 60',
      'greater 70',
      'port 80 or 53',
      'port (80 or 443)',
    ],
  ),
)
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3 },
    primitive,
    fc
      .tuple(tie('expression'), fc.constantFrom('and', 'or', '&&', '||'), tie('expression'))
      .map((parts) => parts.join(' ')),
    tie('expression').map((inner) => `not ${inner}`),
    tie('expression').map((inner) => `(${inner})`),
  ),
}))

describe('compileFilter', () => {
  it.runIf(hasTcpdump)(
    'wants the frames that libpcap wants, whatever the expression',
    async () => {
      const frames: Filtered[] = fc
        .sample(frameBytes, { numRuns: 300, seed: SEED })
        .map((data) => ({ data, sizeBytes: data.length, direction: 'ingress' }))
      const writer = new PcapngWriter({
        port: 'p',
        snapBytes: 65_535,
        filter: '',
        program: 'test',
        epochUs: 0,
      })
      const file = join(folder, 'frames.pcapng')
      // The time of a frame is its number.
      const blocks = frames.map((frame, timeUs) =>
        writer.frame({ ...frame, timeUs, queueUs: 0, joined: false, missed: 0 }),
      )
      writeFileSync(file, Buffer.concat([writer.start(), ...blocks]))
      let judged = 0
      for (const text of new Set(fc.sample(expression, { numRuns: 250, seed: SEED }))) {
        const { stdout, status } = spawnSync('tcpdump', ['-r', file, '-w', '-', text])
        // What libpcap finds contradictory ("ip and ip6") it refuses; here it matches nothing.
        if (status !== 0) continue
        const wanted: number[] = []
        const counts = { otherLinks: 0, isCut: false }
        for await (const { timeNs } of readFrames(
          (async function* () {
            yield stdout
          })(),
          text,
          counts,
        ))
          wanted.push(Number(timeNs / 1000n))
        const filter = compileFilter(text)
        const ours = frames.flatMap((frame, number) => (filter(frame) ? [number] : []))
        expect(ours, text).toEqual(wanted)
        judged++
      }
      expect(judged).toBeGreaterThan(120)
    },
    60_000,
  )
})
