import { describe, expect, it } from 'vitest'
import { COUNTER_NAMES, type CounterName, type PortCounters } from '../core/counters.js'
import { type CountedPort, type PortSample, Sampler } from './port-samples.js'
import { eventLine, statsRecord } from './up-view.js'

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

describe('Sampler', () => {
  const port = (frames: number, name = 'g1') => ({
    status: { ...status, name },
    counters: counters({ egress_frames: frames }),
  })
  const rates = (sampler: Sampler, ports: readonly CountedPort[], nowS: number): number[] =>
    sampler.take(ports, nowS).map(({ counted, seconds }) => counted.counts.egress_frames / (seconds || 1))

  it('Sampler tells what was counted since the sample before, of a new port nothing', () => {
    const sampler = new Sampler()
    expect(rates(sampler, [port(500)], 10)).toEqual([0])
    expect(rates(sampler, [port(900), port(70, 'g2')], 12)).toEqual([200, 0])
    expect(rates(sampler, [port(80, 'g2')], 13)).toEqual([10])
  })

  it('Sampler begins again when a port was removed and added', () => {
    const sampler = new Sampler()
    sampler.take([port(500)], 10)
    expect(rates(sampler, [port(30)], 11)).toEqual([0])
    expect(rates(sampler, [port(50)], 12)).toEqual([20])
    sampler.forget(['g1'])
    expect(rates(sampler, [port(90)], 13)).toEqual([0])
  })
})

describe('statsRecord', () => {
  it('statsRecord has rates, all counters and the reasons of drops', () => {
    expect(statsRecord({ samples: [sample], promises: [] }, new Date(0))).toMatchObject({
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
