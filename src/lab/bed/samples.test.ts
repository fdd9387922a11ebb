import { describe, expect, it } from 'vitest'
import { COUNTER_NAMES, type PortCounters } from '../../core/counters.js'
import { BUCKETS } from '../../core/histogram.js'
import { networkNamespace } from '../guest/processes.js'
import { parseOffloads } from './description.js'
import { addCounts, deviceCount, parseDeviceCount, portCountOf } from './port-count.js'
import { machineSeconds, ProcessTable, parseMachineSeconds } from './processor-times.js'

const stat = (pid: number, session: number, cpuSeconds: number) => ({
  ...{ pid, session, cpuSeconds, state: 'S', parent: 1 },
})

describe('port counts', () => {
  const counters = (value: number): PortCounters => ({
    counts: Object.fromEntries(
      COUNTER_NAMES.map((name, index) => [name, value * (index + 1)]),
    ) as PortCounters['counts'],
    drops: { ring_full: value },
  })
  const delays = (value: number) => {
    const filled = () => new Uint32Array(BUCKETS).fill(value)
    return { hold: filled(), queue: filled(), total: filled() }
  }

  it('portCountOf takes calls of both directions, and bursts that brought frames', () => {
    const { counts } = counters(1)
    const count = portCountOf(counters(1), delays(1))
    expect(count.calls).toBe(counts.calls + counts.transmit_calls)
    expect(count.fromVmBursts).toBe(counts.polls)
    expect(count.drops).toEqual({ ring_full: 1 })
    expect('delays' in portCountOf(counters(1))).toBe(false)
  })

  it('addCounts adds figures, drops and histograms', () => {
    const sum = addCounts(portCountOf(counters(1), delays(1)), portCountOf(counters(2), delays(2)))
    const expected = portCountOf(counters(3), delays(3))
    expect(sum).toEqual(expected)
  })

  it('addCounts leaves out what neither knows', () => {
    expect(addCounts({}, { toVmFrames: 2 })).toEqual({ toVmFrames: 2, drops: {} })
  })
})

describe('device counts', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '  rf1t0:    1000       10    0    1    0     0          0         0     2000       20    0    2    0     0       0          0',
    'rf1t01: 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7',
  ].join('\n')

  it('parseDeviceCount names directions from the VM on either side of the device', () => {
    const outside = parseDeviceCount(text, 'rf1t0', false)
    expect(outside).toMatchObject({ fromVmFrames: 10, fromVmBytes: 1000, toVmFrames: 20, toVmBytes: 2000 })
    expect(outside.drops).toEqual({ rx_dropped: 1, tx_dropped: 2 })
    expect(parseDeviceCount(text, 'rf1t0', true)).toMatchObject({ toVmFrames: 10, fromVmFrames: 20 })
  })

  it('parseDeviceCount and deviceCount know nothing of a device that is not there', () => {
    expect(parseDeviceCount(text, 'rf1', false)).toEqual({})
    expect(deviceCount('rf-no-such', false)).toEqual({})
    expect(deviceCount('lo', false).toVmFrames).toBeGreaterThanOrEqual(0)
  })
})

describe('processor times', () => {
  it('ProcessTable sums the processes of a session', () => {
    const table = new ProcessTable([stat(1, 1, 5), stat(2, 7, 0.25), stat(3, 7, 1)])
    expect([table.sessionSeconds(7), table.sessionSeconds(8)]).toEqual([1.25, 0])
  })

  it('ProcessTable sums the processes of a network namespace', () => {
    const own = networkNamespace('self') as string
    const stats = [stat(process.pid, 1, 3), { ...stat(999_999_999, 1, 4), parent: process.pid }]
    const table = new ProcessTable([...stats, { ...stat(999_999_998, 1, 50), parent: 999_999_997 }])
    // The second has left already and counts with its parent; the third belongs to nobody known.
    expect(table.namespaceSeconds(own)).toBe(7)
    expect(table.namespaceSeconds('net:[0]')).toBe(0)
  })

  it('parseMachineSeconds counts all but idle and waiting, and the stolen time apart', () => {
    const text = 'cpu  100 20 30 4000 500 6 7 80 9000 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
    expect(parseMachineSeconds(text)).toEqual({ busyS: 1.63, stealS: 0.8 })
    expect(machineSeconds().busyS).toBeGreaterThan(0)
  })
})

describe('parseOffloads', () => {
  it('parseOffloads takes the offloads that matter to a switch', () => {
    const text =
      'Features for eth0:\nrx-checksumming: on [fixed]\n\ttx-checksum-ipv4: off\ntcp-segmentation-offload: off\n'
    expect(parseOffloads(text)).toEqual({ 'rx-checksumming': true, 'tcp-segmentation-offload': false })
  })
})
