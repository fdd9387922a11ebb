import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BedVm, bedSchema, type HostBed } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { findTool } from '../../src/lab/guest/tools.js'
import { findWorkload } from '../../src/lab/workload/registry.js'
import type { PreparedWorkload, WorkloadResult } from '../../src/lab/workload/workload.js'
import { able } from './support/network.js'

const WINDOW = { warmUpS: 0.2, measureS: 0.5 } as const
const forever = new AbortController().signal

const build = (vms: object[]): Promise<HostBed> =>
  buildBed(bedSchema.parse({ vms }), { progress: () => {}, signal: forever })

interface Pair {
  readonly bed: HostBed
  readonly vm: BedVm
  readonly peer: BedVm
}

/** A VM that is taken for another one. */
function disguised(vm: BedVm, as: Partial<Pick<BedVm, 'kind' | 'addresses'>>): BedVm {
  return { name: vm.name, kind: vm.kind, addresses: vm.addresses, guest: vm.guest, ...as } as BedVm
}

let slot = 0

function prepare(name: string, pair: Pair, settings: object = {}): Promise<PreparedWorkload> {
  const workload = findWorkload(name)
  return workload.prepare({ ...pair, slot: slot++, seed: 7 }, workload.settings.parse(settings))
}

async function measure(name: string, pair: Pair, settings: object = {}): Promise<WorkloadResult> {
  const { gives, draws } = findWorkload(name)
  const prepared = await prepare(name, pair, settings)
  try {
    const result = await prepared.run({ ...WINDOW, signal: forever })
    expect(gives).toEqual(expect.arrayContaining(Object.keys(result.metrics)))
    expect(draws).toEqual(expect.arrayContaining(Object.keys(result.series ?? {})))
    return result
  } finally {
    await prepared.close()
  }
}

/** Programs of ours and servers that are left in a VM. */
async function left(...vms: readonly BedVm[]): Promise<string> {
  const commands = await Promise.all(
    vms.map((vm) =>
      vm.guest.run(
        `for dir in /proc/[0-9]*; do [ "$(readlink $dir/ns/net)" = "$(readlink /proc/self/ns/net)" ] && tr '\\0' ' ' <$dir/cmdline | grep -E '^[^ ]*(node|iperf3|sockperf)' ; done; ls -d /tmp/rf-lab-${process.pid}-* 2>/dev/null; true`,
      ),
    ),
  )
  return commands.map(({ stdout }) => stdout).join('')
}

/** What is true of delays on any machine. */
function expectDelays({ metrics, series }: WorkloadResult): void {
  const { p50Us = -1, p90Us = -1, p99Us = -1, p999Us = -1, maxUs = -1, meanUs = -1 } = metrics
  expect(p50Us).toBeGreaterThan(1)
  expect([p50Us, p90Us, p99Us, p999Us, maxUs].every((us, i, all) => i === 0 || us >= (all[i - 1] ?? 0))).toBe(
    true,
  )
  expect(meanUs).toBeLessThanOrEqual(maxUs)
  expect(series?.percentiles?.at(-1)).toEqual([100, maxUs])
}

describe.runIf(able('tap', 'iperf3'))('network workloads between two netns VMs', () => {
  let pair: Pair
  const toVmBytes = (port: string): number => pair.bed.sample().ports[port]?.toVmBytes ?? 0

  beforeAll(async () => {
    const bed = await build([
      { name: 'a', kind: 'netns', nics: 2 },
      { name: 'b', kind: 'netns', nics: 2 },
    ])
    pair = { bed, vm: bed.vm('a'), peer: bed.vm('b') }
  })
  afterAll(() => pair?.bed.stop())

  for (const [direction, sender, receiver] of [
    ['to_vm', 'b', 'a'],
    ['from_vm', 'a', 'b'],
  ] as const)
    it(`bulk sends ${direction}, and the switch carried as many bytes as it says`, async () => {
      const before = toVmBytes(receiver)
      const { metrics, series, ran } = await measure('bulk', pair, { direction, nics: 1, connections: 2 })
      const carried = toVmBytes(receiver) - before
      const bytes = ((metrics.mbps ?? 0) * 1e6 * WINDOW.measureS) / 8
      expect(metrics.mbps).toBeGreaterThan(20)
      expect(carried).toBeGreaterThan(bytes)
      const curve = series?.mbps ?? []
      expect(curve.length).toBe(5)
      const mean = curve.reduce((sum, [, mbps]) => sum + mbps, 0) / curve.length
      expect(mean / (metrics.mbps ?? 0)).toBeCloseTo(1, 1)
      expect(ran).toMatchObject({
        flows: [{ from: sender, to: receiver, nic: 0, mbps: metrics.mbps }],
        retransmits: expect.any(Number),
      })
    })

  it('bulk loads every NIC both ways when no number is given', async () => {
    const { metrics, ran } = await measure('bulk', pair, { direction: 'both' })
    expect(metrics.mbps).toBeGreaterThan(20)
    expect(ran?.flows).toHaveLength(4)
    expect(toVmBytes('a.1')).toBeGreaterThan(100_000)
    expect(toVmBytes('b.1')).toBeGreaterThan(100_000)
  })

  it('bulk uses its own tool where it is told to', async () => {
    const { metrics, ran } = await measure('bulk', pair, { tool: 'own', connections: 2 })
    expect(metrics.mbps).toBeGreaterThan(20)
    expect(ran?.program).toBe('own')
  })

  it('udp-stream keeps its rate and its size', async () => {
    const { metrics, ran } = await measure('udp-stream', pair, { frameBytes: 142, rateFps: 2000 })
    expect(ran).toMatchObject({ payloadBytes: 100, frameBytes: 142 })
    expect(metrics.offeredFps).toBeGreaterThan(500)
    expect(metrics.offeredFps).toBeLessThan(4000)
    // Those of the sender's clock against those of the receiver's: frames are under way at the edges.
    expect(metrics.fps).toBeLessThan(1.1 * (metrics.offeredFps ?? 0))
    expect(metrics.mbps).toBeCloseTo(((metrics.fps ?? 0) * 800) / 1e6, 1)
    expect(metrics.lossRatio).toBeGreaterThanOrEqual(0)
  })

  it('udp-stream as fast as possible sends more than that', async () => {
    const { metrics } = await measure('udp-stream', pair, { direction: 'from_vm' })
    expect(metrics.offeredFps).toBeGreaterThan(4000)
  })

  for (const settings of [
    { mode: 'rr' },
    { mode: 'crr', bytes: 100 },
    { mode: 'rr', bytes: 100_000, connections: 4 },
  ] as const)
    it(`request-response counts transactions with ${JSON.stringify(settings)}`, async () => {
      const result = await measure('request-response', pair, settings)
      const { transactionsPerS = 0, connectionsPerS } = result.metrics
      expect(transactionsPerS).toBeGreaterThan(10)
      expect(connectionsPerS).toBe(settings.mode === 'crr' ? transactionsPerS : undefined)
      expect(result.metrics.errors).toBe(0)
      expect(transactionsPerS * WINDOW.measureS).toBeCloseTo(result.ran?.count as number, 6)
      expectDelays(result)
    })

  it('latency sends as many probes as its rate says and hears of them', async () => {
    const result = await measure('latency', pair, { rateFps: 1000 })
    const { due, lost } = result.ran as { due: number; lost: number }
    // Poisson of mean 500: within 8 standard deviations.
    expect(Math.abs(due - 500)).toBeLessThan(180)
    expect(lost).toBeLessThan(due / 2)
    expect(result.metrics.lossRatio).toBe(lost / due)
    expectDelays(result)
  })

  it.runIf(findTool('sockperf'))('latency asks sockperf when told to', async () => {
    const result = await measure('latency', pair, { tool: 'sockperf' })
    expect(result.metrics.p50Us).toBeGreaterThan(1)
    expect(result.metrics.p999Us).toBeGreaterThanOrEqual(result.metrics.p50Us ?? 0)
    expect(result.ran?.program).toBe('sockperf')
  })

  describe.runIf(findTool('nft'))('when a known part of the datagrams is lost', () => {
    /** Drops datagrams of more than 40 bytes that come to a VM, by a rule that says which: iperf3's handshake is shorter. */
    async function losing<T>(vm: BedVm, which: string, during: () => Promise<T>): Promise<T> {
      const rules = `table ip loss { chain in { type filter hook input priority 0; meta l4proto udp meta length gt 68 ${which} drop; }; }`
      const added = await vm.guest.run(`echo '${rules}' | nft -f -`)
      expect(added).toMatchObject({ code: 0 })
      try {
        return await during()
      } finally {
        await vm.guest.run('nft delete table ip loss')
      }
    }
    const QUARTER = 'numgen inc mod 4 == 3'
    /** A quarter is lost by rule; what a busy machine loses beside it makes it more. */
    function expectQuarter(lossRatio: number | undefined): void {
      expect(lossRatio).toBeGreaterThan(0.2)
      expect(lossRatio).toBeLessThan(0.5)
    }
    const FOR_EVER = (WINDOW.warmUpS + WINDOW.measureS + 1) * 1e6

    it('udp-stream has that loss', async () => {
      const { metrics } = await losing(pair.vm, QUARTER, () =>
        measure('udp-stream', pair, { rateFps: 2000, payloadBytes: 64 }),
      )
      expectQuarter(metrics.lossRatio)
      expect(metrics.lossRatio).toBeCloseTo(1 - (metrics.fps ?? 0) / (metrics.offeredFps ?? 0), 6)
    })

    it('udp-stream has a loss of 1 when none arrives', async () => {
      const { metrics } = await losing(pair.vm, '', () =>
        measure('udp-stream', pair, { rateFps: 2000, payloadBytes: 64 }),
      )
      expect(metrics).toMatchObject({ fps: 0, lossRatio: 1, mbps: 0 })
      expect(metrics.offeredFps).toBeGreaterThan(500)
    })

    it.each([
      ['own'],
      ...(findTool('sockperf') ? [['sockperf']] : []),
    ])('latency by %s has percentiles that are late for ever where the lost ones begin', async (tool) => {
      const { metrics, series } = await losing(pair.vm, QUARTER, () =>
        measure('latency', pair, { rateFps: 1000, tool }),
      )
      expectQuarter(metrics.lossRatio)
      expect(metrics.p50Us).toBeLessThan(FOR_EVER)
      expect([metrics.p90Us, metrics.p99Us, metrics.p999Us]).toEqual([FOR_EVER, FOR_EVER, FOR_EVER])
      expect(series?.percentiles?.at(-1)).toEqual([100, FOR_EVER])
    })

    it('latency has a loss of 1 and no mean when no answer comes', async () => {
      const { metrics } = await losing(pair.vm, '', () => measure('latency', pair, { rateFps: 500 }))
      expect(metrics).toMatchObject({ lossRatio: 1, p50Us: FOR_EVER, p99Us: FOR_EVER })
      expect(metrics.meanUs).toBeUndefined()
    })
  })

  it('cpu-hog counts its turns; idle measures nothing', async () => {
    const before = pair.vm.cpuSeconds()
    const { metrics } = await measure('cpu-hog', pair)
    expect(metrics.iterationsPerS).toBeGreaterThan(0)
    expect(pair.vm.cpuSeconds()).toBeGreaterThan(before)
    expect(await measure('idle', pair)).toEqual({ metrics: {} })
  })

  for (const name of ['bulk', 'udp-stream', 'request-response', 'latency', 'cpu-hog', 'idle'])
    it(`${name} ends when the window is called off and leaves nothing`, async () => {
      const stop = new AbortController()
      const prepared = await prepare(name, pair)
      const run = prepared.run({ warmUpS: 30, measureS: 30, signal: stop.signal })
      run.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 300))
      stop.abort()
      await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' })
      await prepared.close()
      expect(await left(pair.vm, pair.peer)).toBe('')
    })

  it('request-response says which VM does not answer', async () => {
    const deaf = disguised(pair.vm, { addresses: ['203.0.113.9'] })
    await expect(measure('request-response', { ...pair, vm: deaf })).rejects.toThrow(
      /VM a: "echo-server .*EADDRNOTAVAIL.*203\.0\.113\.9/,
    )
    expect(await left(pair.vm, pair.peer)).toBe('')
  })
})

describe.runIf(able('tap', 'iperf3', 'uml'))('network workloads on a uml VM', () => {
  let pair: Pair

  beforeAll(async () => {
    const bed = await build([
      { name: 'u', kind: 'uml' },
      { name: 'c', kind: 'netns' },
    ])
    pair = { bed, vm: bed.vm('u'), peer: bed.vm('c') }
  })
  afterAll(() => pair?.bed.stop())

  it('all of them give figures', async () => {
    const figures = {
      bulk: await measure('bulk', pair, { direction: 'from_vm' }),
      udp: await measure('udp-stream', pair, { rateFps: 1000 }),
      rr: await measure('request-response', pair),
      crr: await measure('request-response', pair, { mode: 'crr' }),
      latency: await measure('latency', pair, { rateFps: 200 }),
      hog: await measure('cpu-hog', pair),
    }
    expect(figures.bulk.metrics.mbps).toBeGreaterThan(0)
    expect(figures.udp.metrics.fps).toBeGreaterThan(0)
    expect(figures.rr.metrics.transactionsPerS).toBeGreaterThan(0)
    expect(figures.crr.metrics.connectionsPerS).toBeGreaterThan(0)
    expect(figures.latency.metrics.lossRatio).toBeLessThan(0.5)
    expect(figures.hog.metrics.iterationsPerS).toBeGreaterThan(0)
    expectDelays(figures.latency)
    expect(await left(pair.vm)).toBe('')
  })
})

it.runIf(able('tap'))('cpu-hog copies its program into a VM that does not see the build', async () => {
  const bed = await build([{ name: 'x', kind: 'netns' }])
  try {
    const vm = bed.vm('x')
    const built = fileURLToPath(new URL('../../dist/lab/workload/programs', import.meta.url))
    // A namespace has mounts of its own: the build is hidden inside only.
    expect((await vm.guest.run(`mount -t tmpfs none '${built}'`)).code).toBe(0)
    const { metrics } = await measure('cpu-hog', { bed, vm, peer: vm })
    expect(metrics.iterationsPerS).toBeGreaterThan(0)
    expect(await left(vm)).toBe('')
  } finally {
    await bed.stop()
  }
})

it('idle attaches an embedded VM and lets go of it again', async () => {
  const bed = await build([{ name: 'e', kind: 'embedded', nics: 2 }])
  try {
    const vm = bed.vm('e')
    const site = { bed, vm, peer: vm }
    for (let time = 0; time < 2; time++) expect(await measure('idle', site)).toEqual({ metrics: {} })
  } finally {
    await bed.stop()
  }
})
