import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel, parseModel } from './model-file.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-model-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A classic pcap of three frames, 64, 128 and 64 bytes, 100 us apart. */
function capture(): Buffer {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt32LE(65_535, 16)
  head.writeUInt32LE(1, 20)
  const packets = [64, 128, 64].flatMap((bytes, at) => {
    const packet = Buffer.alloc(16)
    packet.writeUInt32LE(at * 100, 4)
    packet.writeUInt32LE(bytes, 8)
    packet.writeUInt32LE(bytes, 12)
    return [packet, Buffer.alloc(bytes)]
  })
  return Buffer.concat([head, ...packets])
}

const GOOD = `
nics: [{ name: eth0, gbps: 1 }]
vms:
  - { name: v, count: 3, targetUs: 200 }
traffic:
  - { kind: open, from: eth0, to: v, rateFps: 1000 }
`

describe('model files', () => {
  let trace = ''
  beforeAll(() => {
    trace = join(folder, 'three.pcap')
    writeFileSync(trace, capture())
  })

  it('parseModel makes so many VMs as an entry counts, and traffic for each of them', async () => {
    const { model, file } = await parseModel(GOOD, 'm.yaml')
    expect(model.vms.map(({ name, targetUs }) => [name, targetUs])).toEqual([
      ['v1', 200],
      ['v2', 200],
      ['v3', 200],
    ])
    expect(model.traffic.map(({ label }) => label)).toEqual(['eth0 to v1', 'eth0 to v2', 'eth0 to v3'])
    expect([model.architecture, model.warmUpMs, file.warmUpMs]).toEqual(['ringferry', 0, 'auto'])
  })

  it('parseModel takes times and sizes from a capture, and its rate unless another is given', async () => {
    const of = (rate: string) =>
      parseModel(
        GOOD.replace('rateFps: 1000', `${rate}arrivals: { kind: trace, file: ${trace} }`).replace(
          'count: 3, ',
          '',
        ),
        'm.yaml',
      )
    const [own] = (await of('')).model.traffic
    expect(own).toMatchObject({ rateFps: 10_000, arrivals: { kind: 'trace' } })
    const [twice] = (await of('rateFps: 20000, ')).model.traffic
    expect(
      twice?.kind === 'open' && twice.arrivals.kind === 'trace' && [...Array.from(twice.arrivals.atUs)],
    ).toEqual([0, 50, 100])
  })

  it('parseModel makes a load that share of line rate, all VMs of an entry together', async () => {
    const { model } = await parseModel(GOOD.replace('rateFps: 1000', 'load: 0.5, frameBytes: 60'), 'm.yaml')
    // 60 bytes take 84 on the wire.
    const halfFps = 1e9 / 84 / 8 / 2
    for (const traffic of model.traffic) expect(traffic).toMatchObject({ rateFps: halfFps / 3 })
    expect(model.traffic[0]).not.toHaveProperty('load')
  })

  it.each([
    ['vms: []', 'm.yaml:3:6: vms is []; it must not be empty'],
    ['targetUs: 200', 'targetUs: -1', 'm.yaml:4:36: vms[0].targetUs is -1; it must be more than 0'],
    ['kind: open', 'kind: opn', 'm.yaml:6:13: traffic[0].kind is "opn"; allowed: open, tcp, requests'],
    ['to: v', 'to: w', 'm.yaml:6:35: traffic[0].to: there is no VM or NIC "w"'],
    ['rateFps: 1000', 'rateFps: 1e6', 'm.yaml:6:47: traffic[0].rateFps: 2.112 Gb/s are offered by "eth0"'],
    [', rateFps: 1000', '', 'traffic[0].rateFps is missing'],
    ['gbps: 1', 'gbps: 1, speed: 3', 'unknown setting "speed"'],
    ['rateFps: 1000', 'rateFps: 1000, load: 1', 'traffic[0].load and rateFps are both given'],
    ['rateFps: 1000', 'load: 1.5', 'traffic[0].load is 1.5; it must be at most 1'],
    [
      'from: eth0, to: v, rateFps: 1000',
      'from: v1, to: v2, load: 1',
      'load is a share of line rate, but neither end is a NIC',
    ],
    [
      'nics:',
      'driverThreads: 2\nnics:',
      'm.yaml:3:8: nics[0].queues: "eth0" has 1; the driver domain has 2 threads',
    ],
    ['nics:', 'driverThreads: 3\nnics:', 'driverThreads: is 3; it must be from 1 to 2'],
    ['nics:', 'costs: { kik: 2 }\nnics:', 'm.yaml:2:8: costs: there is no step "kik" (did you mean "kick"?)'],
    ['nics:', 'replications: { min: 9, max: 3 }\nnics:', 'replications.max is 3, below min (9)'],
    ['rateFps: 1000', 'arrivals: { kind: trace, file: /nowhere }', '/nowhere: there is no such capture file'],
  ])('parseModel says what is wrong, where: %s -> %s', async (from, to, message = to) => {
    const text = message === to ? GOOD.replace(/vms:\n.*\n/, `${from}\n`) : GOOD.replace(from, to)
    await expect(parseModel(text, 'm.yaml')).rejects.toThrow(message)
  })

  it('loadModel says that there is no such file', async () => {
    await expect(loadModel(join(folder, 'none.yaml'))).rejects.toThrow('there is no such model file')
  })
})
