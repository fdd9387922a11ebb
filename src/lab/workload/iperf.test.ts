import { describe, expect, it } from 'vitest'
import type { BedVm } from '../bed/bed.js'
import { bulkResult } from './bulk.js'
import { cutWindow, flowsOf, type Interval, iperfCommand, parseIperf, throughputCurve } from './iperf.js'
import { udpResult } from './udp-stream.js'
import type { LoadWindow, WorkloadSite } from './workload.js'

const vm = (name: string, ...addresses: string[]): BedVm => ({ name, addresses }) as unknown as BedVm
const a = vm('a', '10.0.0.1', '10.0.1.1')
const b = vm('b', '10.0.0.2', '10.0.1.2')
const site = { vm: a, peer: b, slot: 2 } as unknown as WorkloadSite
const window: LoadWindow = { warmUpS: 0.5, measureS: 2, signal: new AbortController().signal }

/** Tenths of a second with so many bytes each. */
const tenths = (count: number, bytes: number, more: Partial<Interval> = {}): Interval[] =>
  Array.from({ length: count }, (_, i) => ({ startS: i / 10, endS: (i + 1) / 10, bytes, ...more }))

/** As iperf3 3.12 prints it with -R -J, shortened. */
const report = (more: object): string =>
  JSON.stringify({
    start: { version: 'iperf 3.12', connected: [] },
    intervals: [{ streams: [], sum: { start: 0, end: 0.1, bytes: 1250, omitted: false, sender: false } }],
    end: { sum_sent: { retransmits: 25, sender: false }, sum_received: { bytes: 1250 } },
    ...more,
  })

describe('parseIperf', () => {
  it('reads intervals, version and retransmits of TCP', () => {
    expect(parseIperf(`warning: something\n${report({})}`, 'VM a')).toEqual({
      version: 'iperf 3.12',
      retransmits: 25,
      intervals: [{ startS: 0, endS: 0.1, bytes: 1250 }],
    })
  })

  it('reads packets, loss and jitter of UDP', () => {
    const sum = { start: 0, end: 1, bytes: 64, packets: 3, lost_packets: 2, jitter_ms: 0.5 }
    const { intervals } = parseIperf(report({ intervals: [{ sum }], end: {} }), 'VM a')
    expect(intervals).toEqual([{ startS: 0, endS: 1, bytes: 64, packets: 3, lost: 2, jitterUs: 500 }])
  })

  it('reads what the sender sent when the report has it', () => {
    const sum = { start: 0, end: 0.25, bytes: 640, packets: 10, sender: true }
    const { sent } = parseIperf(report({ server_output_json: { intervals: [{ sum }] } }), 'VM a')
    expect(sent).toEqual([{ startS: 0, endS: 0.25, bytes: 640, packets: 10, lost: 0 }])
  })

  it.each([
    [report({ error: 'unable to connect to server' }), 'VM a: iperf3: unable to connect to server'],
    ['{"start":{},"intervals":[],"end":{},"error":"interrupted"}', 'VM a: iperf3: interrupted'],
    [report({ intervals: [] }), 'VM a: iperf3 reported no interval'],
    ['sh: iperf3: not found\n', 'VM a: iperf3 printed no report but: sh: iperf3: not found'],
    ['', 'VM a: iperf3 printed no report but: nothing'],
    [report({ intervals: [{ sum: { start: 'x' } }] }), /report is not as expected/],
  ])('throws GUEST with the reason for %j', (text, message) => {
    expect(() => parseIperf(text, 'VM a')).toThrow(message)
  })
})

describe('cutWindow', () => {
  it('takes whole intervals inside and shares of those at the edges', () => {
    const intervals = [
      { startS: 0, endS: 1, bytes: 100 },
      { startS: 1, endS: 2, bytes: 1000 },
      { startS: 2, endS: 4, bytes: 4000 },
    ]
    expect(cutWindow(intervals, 0.5, 3)).toMatchObject({ seconds: 2.5, bytes: 50 + 1000 + 2000 })
    expect(cutWindow(intervals, 5, 6)).toMatchObject({ seconds: 0, bytes: 0, jitterUs: 0 })
  })
})

describe('bulkResult', () => {
  const flows = flowsOf(site, b, 'to_vm', 2)

  it('adds the tests and leaves warm-up and tail out', () => {
    // 1 Mb/s in the window, a hundred times that before and after.
    const intervals = tenths(30, 12_500).map((one, i) =>
      i >= 5 && i < 25 ? one : { ...one, bytes: 1_250_000 },
    )
    const reports = [
      { version: 'iperf 3.12', intervals, retransmits: 3 },
      { version: 'iperf 3.12', intervals, retransmits: 4 },
    ]
    const { metrics, series, ran } = bulkResult(flows, reports, window)
    expect(metrics.mbps).toBeCloseTo(2, 6)
    expect(series?.mbps).toHaveLength(20)
    for (const [, mbps] of series?.mbps ?? []) expect(mbps).toBeCloseTo(2, 6)
    expect(ran).toMatchObject({ retransmits: 7, flows: [{ from: 'b', to: 'a' }, { nic: 1 }] })
  })

  it('throws GUEST when a test ended before half of the window', () => {
    const reports = [tenths(30, 1), tenths(12, 1)].map((intervals) => ({ version: '', intervals }))
    expect(() => bulkResult(flows, reports, window)).toThrow(/VM a: the load ended early: only 0.70 of 2 s/)
  })
})

describe('udpResult', () => {
  it('adds rates and weighs loss by what was offered', () => {
    const flows = flowsOf(site, b, 'both', 1)
    const one = tenths(25, 6400, { packets: 100, lost: 50, jitterUs: 10 })
    const other = tenths(25, 6400, { packets: 300, lost: 0, jitterUs: 30 })
    const reports = [
      { version: '', intervals: one, sent: tenths(25, 6400, { packets: 100 }) },
      { version: '', intervals: other, sent: tenths(25, 6400, { packets: 300 }) },
    ]
    const { metrics } = udpResult(flows, reports, window)
    expect(metrics.offeredFps).toBeCloseTo(4000, 6)
    expect(metrics.fps).toBeCloseTo(3500, 6)
    expect(metrics.lossRatio).toBeCloseTo(0.125, 6)
    expect(metrics.mbps).toBeCloseTo(1.024, 6)
    expect(metrics.jitterUs).toBeCloseTo(30, 6)
  })
})

describe('the loss of udpResult', () => {
  const flows = flowsOf(site, b, 'to_vm', 1)
  const sent = tenths(25, 6400, { packets: 100 })
  const metricsOf = (received: Interval[]) =>
    udpResult(flows, [{ version: '', intervals: received, sent }], window).metrics

  it('is 1 when nothing came, of which a receiver knows nothing', () => {
    const nothing = tenths(25, 0, { packets: 0, lost: 0 })
    expect(metricsOf(nothing)).toMatchObject({ fps: 0, lossRatio: 1 })
    expect(metricsOf(nothing).offeredFps).toBeCloseTo(1000, 6)
  })

  it('is that of the sender when the last ones of an interval do not come', () => {
    // The receiver saw numbers up to 60 of 100 and misses 10 of them.
    expect(metricsOf(tenths(25, 6400, { packets: 60, lost: 10 })).lossRatio).toBeCloseTo(0.5, 6)
  })

  it('is not below 0 when frames of before the window come in it', () => {
    expect(metricsOf(tenths(25, 6400, { packets: 101, lost: 0 })).lossRatio).toBe(0)
  })

  it('throws GUEST when the sender did not say what it sent', () => {
    expect(() => udpResult(flows, [{ version: '', intervals: sent }], window)).toThrow(
      "VM b: iperf3's sender did not report what it sent",
    )
  })
})

describe('throughputCurve', () => {
  it('has at most 40 points, in seconds of the window', () => {
    const curve = throughputCurve([tenths(110, 12_500)], { warmUpS: 1, measureS: 10 })
    expect(curve).toHaveLength(40)
    expect(curve[0]?.[0]).toBeCloseTo(0.125, 6)
    expect(curve.every(([, mbps]) => Math.abs(mbps - 1) < 1e-6)).toBe(true)
  })
})

describe('flowsOf', () => {
  it('names directions from the VM and gives each flow a port of the slot', () => {
    const flows = flowsOf(site, b, 'both', 2)
    expect(flows.map(({ sender, receiver, nic, port }) => [sender.name, receiver.name, nic, port])).toEqual([
      ['b', 'a', 0, 20_032],
      ['b', 'a', 1, 20_033],
      ['a', 'b', 0, 20_040],
      ['a', 'b', 1, 20_041],
    ])
  })
})

describe('iperfCommand', () => {
  it('lets the receiver ask, binds both ends to the NIC and runs whole seconds', () => {
    const [, second] = flowsOf(site, b, 'from_vm', 2)
    const command = iperfCommand(second!, window, '-P 4')
    expect(command).toMatch(/^iperf3 -c 10\.0\.1\.1 -B 10\.0\.1\.2 -p 20033 -R -J -t 3 -i 0\.10 .*-P 4/)
  })

  it('throws CONFIG when a VM has no such NIC', () => {
    const [flow] = flowsOf({ ...site, vm: vm('x', '10.0.0.1') }, b, 'to_vm', 2).slice(1)
    expect(() => iperfCommand(flow!, window, '')).toThrow('VM x has 1 NICs; NIC 1 was asked for')
  })
})
