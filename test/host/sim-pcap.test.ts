// A capture out of a simulation, opened by tshark.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cli } from './cli-process.js'

const hasTshark = spawnSync('tshark', ['--version']).error === undefined
if (!hasTshark) console.log('skipped: tshark is missing; apt-get install tshark')
const folder = mkdtempSync(join(tmpdir(), 'ringferry-pcap-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const model = join(folder, 'model.yaml')
writeFileSync(
  model,
  `nics: [{ name: eth0, gbps: 1 }]
vms: [{ name: v }, { name: w }]
traffic:
  - { kind: open, from: eth0, to: v, rateFps: 10000, frameBytes: 200 }
  - { kind: requests, from: w, to: v }
  - { kind: open, from: eth0, to: w, rateFps: 10000 }
measureMs: 20
warmUpMs: 1
replications: { min: 1, max: 1 }
`,
)

const fields = (file: string): string[][] =>
  execFileSync(
    'tshark',
    ['-r', file, '-o', 'ip.check_checksum:TRUE', '-T', 'fields'].concat(
      [
        'frame.len',
        'ip.src',
        'ip.dst',
        'ip.proto',
        'frame.packet_flags_direction',
        '_ws.malformed',
        'ip.checksum.status',
        'frame.time_epoch',
      ].flatMap((name) => ['-e', name]),
    ),
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))

describe.runIf(hasTshark)('ringferry sim run --pcap', () => {
  it('writes the frames of one port, in the order of time, as tshark reads them', async () => {
    const file = join(folder, 'v.pcapng')
    const { code, stderr } = await cli(['sim', 'run', model, '--pcap', file, '--port', 'v'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const frames = fields(file)
    const [nic, v, w] = ['10.0.0.0', '10.0.0.1', '10.0.0.2']
    const from = (source: string) => frames.filter(([, ip]) => ip === source)
    // Of 21 ms at 10 000 a second.
    expect(from(nic).length).toBeGreaterThan(100)
    expect(from(w).length).toBeGreaterThan(10)
    expect(from(v).length).toBeGreaterThan(10)
    for (const [bytes, source, target, protocol, direction, malformed, checksum] of frames) {
      expect([source, target]).toContain(v)
      expect([Number(direction), Number(protocol)]).toEqual([source === v ? 1 : 2, source === nic ? 17 : 6])
      if (source === nic) expect(bytes).toBe('200')
      expect([malformed, checksum]).toEqual(['', '1'])
    }
    const times = frames.map((frame) => Number(frame.at(-1)))
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('says which ports there are when it is asked for another, before anything runs', async () => {
    const { code, stderr } = await cli(['sim', 'run', model, '--pcap', join(folder, 'x'), '--port', 'u'])
    expect(code).toBe(2)
    expect(stderr).toBe('ringferry: --port: there is no VM or NIC "u"; there are: v, w, eth0\n')
  })
})
