import { describe, expect, it } from 'vitest'
import { COUNTER_NAMES, type CounterName, type PortCounters } from '../core/counters.js'
import { eventLine, type PortSample, statsRecord, statsTable } from './up-view.js'

function counters(counts: Partial<Record<CounterName, number>>, drops = {}): PortCounters {
  const zero = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Record<CounterName, number>
  return { counts: { ...zero, ...counts }, drops }
}
const status = {
  name: 'g1',
  kind: 'vif',
  state: 'up',
  detachments: 0,
  negotiated: [],
  place: '/tmp/g1.sock',
} as const
const sample: PortSample = {
  status,
  counters: counters({ egress_frames: 9000 }, { ring_full: 3, vlan: 2 }),
  counted: counters({ egress_frames: 4000, egress_bytes: 5_000_000, calls: 500 }),
  seconds: 2,
}

describe('statsTable', () => {
  it('statsTable shows rates of the interval and drops since the start', () => {
    const [, row = ''] = statsTable([sample]).split('\n')
    expect(row.split(/ {2,}/)).toEqual([
      'g1',
      'vif',
      'up',
      '0',
      '0',
      '2000',
      '20',
      '250',
      '5',
      '/tmp/g1.sock',
    ])
  })
})

describe('statsRecord', () => {
  it('statsRecord has rates, all counters and the reasons of drops', () => {
    expect(statsRecord([sample], new Date(0))).toMatchObject({
      type: 'stats',
      time: '1970-01-01T00:00:00.000Z',
      intervalS: 2,
      ports: [
        {
          name: 'g1',
          state: 'up',
          rates: { ingressFps: 0, egressFps: 2000, egressMbps: 20, callsPerS: 250, dropsPerS: 0 },
          counters: { egress_frames: 9000 },
          drops: { ring_full: 3, vlan: 2 },
        },
      ],
    })
  })
})

describe('eventLine', () => {
  it('eventLine names the reason when there is one', () => {
    expect(eventLine({ event: 'detached', port: status, detail: 'ring 1: broken' })).toBe(
      'g1: detached (ring 1: broken)',
    )
    expect(eventLine({ event: 'link-up', port: status, detail: '' })).toBe('g1: link-up')
  })
})
