import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { BedVm, VmKind } from '../bed/bed.js'
import { METRICS } from '../record/metrics.js'
import { moduleFiles } from './program.js'
import { findWorkload, WORKLOADS } from './registry.js'
import { parseSockperf, sockperfCommand } from './sockperf.js'
import { payloadOf } from './udp-stream.js'
import type { WorkloadSite } from './workload.js'

const OWN = ['bulk', 'udp-stream', 'request-response', 'latency', 'cpu-hog', 'idle'] as const

describe('WORKLOADS', () => {
  it.each(
    WORKLOADS.map((workload) => [workload.name, workload] as const),
  )('%s describes itself', (name, workload) => {
    expect(name).toMatch(/^[a-z0-9-]+$/)
    expect(workload.description).toMatch(/^[^\n]{20,160}\.$/)
    expect(workload.runsOn.length).toBeGreaterThan(0)
    expect(Object.keys(METRICS)).toContain(workload.primary)
  })

  it('has every name once', () => {
    expect(new Set(WORKLOADS.map(({ name }) => name)).size).toBe(WORKLOADS.length)
  })

  it.each(OWN)('%s has a default for every setting and refuses unknown ones', (name) => {
    const { settings } = findWorkload(name)
    expect(settings.safeParse({}).success).toBe(true)
    expect(settings.safeParse({ rubbish: 1 }).success).toBe(false)
  })

  it.each([
    ['bulk', { direction: 'up' }],
    ['bulk', { connections: 0 }],
    ['udp-stream', { payloadBytes: 64, frameBytes: 64 }],
    ['udp-stream', { frameBytes: 57 }],
    ['request-response', { mode: 'udp' }],
    ['latency', { rateFps: 0 }],
    ['cpu-hog', { threads: 1.5 }],
  ])('%s refuses %j', (name, settings) => {
    expect(findWorkload(name).settings.safeParse(settings).success).toBe(false)
  })

  it('findWorkload throws CONFIG with the names that there are', () => {
    expect(() => findWorkload('bulky')).toThrow(/no workload "bulky"; there are bulk, udp-stream/)
  })
})

describe('prepare', () => {
  const vm = (name: string, kind: VmKind): BedVm =>
    ({ name, kind, addresses: ['10.0.0.1'] }) as unknown as BedVm
  const prepare = (name: string, site: Partial<WorkloadSite>): Promise<unknown> => {
    const workload = findWorkload(name)
    return workload.prepare({ slot: 0, seed: 1, ...site } as WorkloadSite, workload.settings.parse({}))
  }

  it.each([
    'bulk',
    'udp-stream',
    'request-response',
    'latency',
  ])('of %s throws CONFIG without a peer', async (name) => {
    await expect(prepare(name, { vm: vm('a', 'netns'), peer: undefined })).rejects.toMatchObject({
      code: 'CONFIG',
    })
  })

  it('of latency throws UNSUPPORTED for an embedded VM and names it', async () => {
    const tried = prepare('latency', { vm: vm('q', 'embedded'), peer: vm('b', 'netns') })
    await expect(tried).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'latency needs Node inside VM q, which a VM of kind embedded has not; use uml, qemu, netns or host',
    })
  })

  it('of request-response throws UNSUPPORTED when the peer cannot ask', async () => {
    const tried = prepare('request-response', { vm: vm('a', 'netns'), peer: vm('q', 'embedded') })
    await expect(tried).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

it('payloadOf takes the headers off a frame', () => {
  expect(payloadOf({ frameBytes: 1514 })).toBe(1472)
  expect(payloadOf({ payloadBytes: 100 })).toBe(100)
  expect(payloadOf({})).toBe(64)
})

describe('guest programs', () => {
  const folder = new URL('./programs/', import.meta.url)
  const source = (file: string): string => readFileSync(new URL(file.replace(/\.js$/, '.ts'), folder), 'utf8')

  it.each([
    'echo-server',
    'asker',
    'prober',
    'bulk-sender',
    'bulk-receiver',
    'datagram-sink',
    'datagram-source',
    'hog',
  ])('%s imports only Node and its own folder', (name) => {
    const files = moduleFiles(`${name}.js`, source)
    expect(files).toContain('orders.js')
    for (const file of files)
      for (const [, path] of source(file).matchAll(/from '([^']+)'/g))
        expect(path).toMatch(/^(node:|\.\/[\w-]+\.js$)/)
  })

  it('moduleFiles follows imports of imports, once each', () => {
    const texts: Record<string, string> = {
      'a.js': "import { b } from './b.js'\nimport x from 'node:fs'\n",
      'b.js': "import { c } from './c.js'\nexport * from './a.js'\n",
      'c.js': '',
    }
    expect(moduleFiles('a.js', (name) => texts[name] ?? '')).toEqual(['a.js', 'b.js', 'c.js'])
  })
})

describe('sockperf', () => {
  // As sockperf 3.7 prints it, shortened.
  const text = `sockperf: [Valid Duration] RunTime=0.301 sec; SentMessages=300; ReceivedMessages=297
sockperf: \u001b[2;35m====> avg-rtt=93.312 (std-dev=37.350)\u001b[0m
sockperf: # dropped messages = 3; # duplicated messages = 0; # out-of-order messages = 0
sockperf: ---> percentile 99.000 =  130.0
rtt 100.0 97
rtt 50.5 200
`
  const window = { warmUpS: 0.5, measureS: 2 }

  it('parseSockperf counts what was dropped as late for ever', () => {
    const { metrics, percentiles } = parseSockperf(text, 'VM b', window)
    expect(metrics).toEqual({
      meanUs: (200 * 50.5 + 97 * 100) / 297,
      ...{ p50Us: 50.5, p90Us: 100, p99Us: 100, p999Us: 3.5e6, maxUs: 100 },
      lossRatio: 0.01,
    })
    expect(percentiles.at(-1)).toEqual([100, 3.5e6])
  })

  it('parseSockperf has a loss of 1 when no answer came', () => {
    const none = text.replace(/^rtt.*$/gm, '').replace('messages = 3', 'messages = 300')
    expect(parseSockperf(none, 'VM b', window).metrics).toMatchObject({ lossRatio: 1, p50Us: 3.5e6 })
  })

  it('parseSockperf throws GUEST with the last line when there is no summary', () => {
    expect(() => parseSockperf('sockperf: ERROR: no route\n', 'VM b', window)).toThrow(
      'VM b: sockperf printed no summary but: sockperf: ERROR: no route',
    )
  })

  it('sockperfCommand runs a silent warm-up, then covers the window in whole seconds', () => {
    const target = { from: '10.0.0.2', address: '10.0.0.1', port: 20_000, bytes: 64, rateFps: 500 }
    const command = sockperfCommand(target, { warmUpS: 0.5, measureS: 2 })
    execFileSync('sh', ['-n', '-c', command])
    expect(command).toMatch(/^timeout -s INT 0.5 sockperf .* >\/dev\/null 2>&1; /)
    expect(command).toMatch(/-t 3 --mps 500 -m 64 --reply-every 1 --full-rtt --full-log/)
    expect(sockperfCommand(target, { warmUpS: 0, measureS: 2 })).not.toContain('timeout')
  })
})
