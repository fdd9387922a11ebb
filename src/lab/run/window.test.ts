import { describe, expect, it } from 'vitest'
import { FakeLab } from '../../../test/support/lab-fakes.js'
import { newCounts, record } from '../../core/histogram.js'
import type { BedSample, PortCount } from '../bed/bed.js'
import { estimateLeft, estimateStudy } from './estimate.js'
import { RunHistory } from './history.js'
import { parseHost } from './host.js'
import { judgeNoise } from './noise.js'
import { countedPorts, measureWindow } from './window.js'

const sample = (atS: number, more: Partial<BedSample>): BedSample => ({
  ...{ atS, guestCpuS: {}, driverCpuS: 0, busyS: 0, burntS: 0, stealS: 0, ports: {} },
  ...more,
})

function delays(...valuesUs: number[]): NonNullable<PortCount['delays']> {
  const counts = newCounts()
  for (const value of valuesUs) record(counts, value)
  return { hold: counts, queue: newCounts(), total: counts }
}

describe('measureWindow', () => {
  const before = sample(10, {
    ...{ guestCpuS: { a: 1, b: 2 }, driverCpuS: 5, busyS: 20, burntS: 4, stealS: 1 },
    ports: { a: { toVmFrames: 100, toVmBytes: 1000, calls: 7, drops: { ring_full: 3 }, delays: delays(5) } },
  })
  const after = sample(12, {
    ...{ guestCpuS: { a: 2, b: 2.5 }, driverCpuS: 6, busyS: 23, burntS: 4.5, stealS: 1.5 },
    ports: {
      a: {
        ...{ toVmFrames: 1100, toVmBytes: 1_001_000, fromVmFrames: 400, fromVmBytes: 40_000, calls: 107 },
        ...{ fromVmBursts: 100, drops: { ring_full: 103, vlan: 0 }, delays: delays(5, 800, 800) },
      },
      'a.1': { toVmFrames: 1000, toVmBytes: 0, fromVmFrames: 0, fromVmBytes: 0, calls: 0, fromVmBursts: 0 },
      b: { toVmFrames: 2000, toVmBytes: 3_000_000, calls: 100 },
    },
  })

  it('measureWindow tells work from spinning, and batches, where the switch knows of them', () => {
    const engine = (spunS: number, wakes: number) => ({ spunS, waitedS: 2 * spunS, wakes })
    const counted = (at: number) => ({ a: { publications: 10 * at, publishedFrames: 45 * at } })
    const { metrics, engine: since } = measureWindow(
      { ...before, engine: engine(1, 0xfffffff0), ports: counted(1) },
      { ...after, engine: engine(1.25, 0x10), ports: counted(3) },
      'a',
    )
    expect(since).toEqual({ spunS: 0.25, waitedS: 0.5, wakes: 32 })
    expect(metrics).toMatchObject({ driverCpu: 0.5, driverWorkCpu: 0.375, batchFrames: 4.5 })
    const unknown = measureWindow(before, after, 'a')
    expect(unknown.engine).toBeUndefined()
    expect(unknown.metrics.driverWorkCpu).toBeUndefined()
  })

  it('measureWindow tells grant operations, lists and events a frame where the bed is one of Xen', () => {
    const xen = (grantOperations: number, grantLists: number, events: number) => ({
      xen: { grantOperations, grantLists, events },
    })
    const { metrics } = measureWindow(
      { ...before, ...xen(500, 50, 7) },
      { ...after, ...xen(8500, 850, 407) },
      'a',
    )
    expect(metrics).toMatchObject({
      ...{ grantOperationsPerFrame: 2, grantListsPerFrame: 0.2, eventsPerFrame: 0.1 },
    })
    expect(measureWindow(before, after, 'a').metrics.eventsPerFrame).toBeUndefined()
  })

  it('measureWindow divides what happened by the window, of the cell and of the measured VM', () => {
    const { cpu, metrics } = measureWindow(before, after, 'a')
    expect(cpu).toEqual({
      ...{ seconds: 2, guests: { a: 1, b: 0.5 }, driverDomain: 1, busy: 3, burnt: 0.5, steal: 0.5 },
    })
    expect(metrics).toMatchObject({
      ...{
        guestCpu: 0.75,
        driverCpu: 0.5,
        hostCpu: 1.5,
        burntCpu: 0.25,
        driverCpuPerFrameNs: 1e9 / 4000,
        hostCpuPerGbS: 3000 / 4,
      },
      ...{ callsPerFrame: 0.05, dropRatio: 100 / 4100, toVmFps: 1000, fromVmFps: 200, toVmBps: 500_000 },
      ...{ meanFrameBytes: 1_040_000 / 2400, burstFrames: 4 },
    })
    expect(metrics.holdP99Us).toBeGreaterThan(770)
    expect(metrics.holdP99Us).toBeLessThan(830)
    expect(metrics.queueP99Us).toBeUndefined()
  })

  it('measureWindow takes the payload of the workloads where a switch counts no bytes', () => {
    const uncounted = [sample(0, {}), sample(2, { ports: { a: {} }, busyS: 3 })] as const
    // 800 Mb/s for two seconds are 0.2 GB.
    const { metrics } = measureWindow(...uncounted, 'a', 800)
    expect(metrics.hostCpuPerPayloadGbS).toBeCloseTo(15)
    expect(metrics.hostCpuPerGbS).toBeUndefined()
    expect(measureWindow(...uncounted, 'a').metrics.hostCpuPerPayloadGbS).toBeUndefined()
  })

  it('measureWindow leaves out what a switch does not count', () => {
    const { metrics } = measureWindow(sample(0, {}), sample(1, { ports: { a: {} }, busyS: 1 }), 'a')
    expect(metrics).toEqual({ guestCpu: 0, driverCpu: 0, hostCpu: 1, burntCpu: 0 })
  })

  it('countedPorts keeps counts and drops, not histograms', () => {
    expect(countedPorts(measureWindow(before, after, 'a').ports).a).toEqual({
      ...{ toVmFrames: 1000, toVmBytes: 1_000_000, fromVmFrames: 400, fromVmBytes: 40_000, calls: 100 },
      ...{ fromVmBursts: 100, drops: { ring_full: 100 } },
    })
  })
})

describe('noise', () => {
  it('parseHost reads processor times and the clock', () => {
    const host = parseHost(
      'cpu  100 0 50 800 30 5 5 10 7 7\ncpu0 1 1',
      'cpu MHz\t\t: 2000.0\ncpu MHz : 3000.0\n',
    )
    expect(host).toEqual({ busyS: 1.6, stealS: 0.1, totalS: 10, mhz: 2500 })
    expect(parseHost('', '').mhz).toBeNull()
  })

  it('judgeNoise gives a reason for each thing that is not quiet', () => {
    const at = (busyS: number, stealS: number, mhz: number | null) => ({
      busyS,
      stealS,
      totalS: 10 + busyS,
      mhz,
    })
    const start = { busyS: 0, stealS: 0, totalS: 0, mhz: null }
    expect(judgeNoise(start, at(0.5, 0, 2000), 2100)).toMatchObject({ verdict: 'quiet', reasons: [] })
    expect(judgeNoise(start, at(5, 1, 1000), 2000).reasons).toEqual([
      'processors 33 % busy before the cell',
      '7 % of the time taken by the hypervisor below',
      'clock at 1000 MHz, was 2000 MHz',
    ])
  })
})

describe('estimate', () => {
  it('estimateLeft counts what is due and falls to nothing when the study is done', async () => {
    const lab = new FakeLab('{ min: 2, max: 4 }')
    expect(estimateLeft(lab.plan, new RunHistory(), lab.pick).turns).toBe(8)
    const { leastS, mostS } = estimateStudy(lab.plan)
    expect(mostS).toBe(2 * leastS)
    await lab.run()
    const half = new RunHistory(lab.records.slice(0, 5))
    expect(estimateLeft(lab.plan, half, lab.pick).turns).toBe(3)
    expect(estimateLeft(lab.plan, new RunHistory(lab.records), lab.pick)).toEqual({ turns: 0, seconds: 0 })
    const twins = new FakeLab('{ min: 1, max: 1 }', 'aa: { policy: dim, isolation: true }')
    await twins.run()
    const withoutTwin = twins.measurements.filter(({ twin }) => !twin)
    expect(estimateLeft(twins.plan, new RunHistory(withoutTwin), twins.pick).turns).toBe(1)
  })
})
