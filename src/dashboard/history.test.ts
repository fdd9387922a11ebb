import { describe, expect, it } from 'vitest'
import { tuningAnswer, vifTuningOf } from '../../test/support/api-answers.js'
import type { Live } from './api.js'
import { History, recent } from './history.js'

interface Counted {
  readonly clockS: number
  readonly frames: number
  readonly full?: number
  readonly startedAt?: string
}

const START = '2026-01-31T12:00:00.000Z'
function live({ clockS, frames, full = 0, startedAt = START }: Counted): Live {
  const { decisions: _, ...tuning } = tuningAnswer([
    vifTuningOf('g1', { servedUs: clockS * 100_000, published: { urgent: frames / 2 } }),
  ])
  return {
    time: new Date(Date.parse(START) + clockS * 1000).toISOString(),
    clockS,
    status: { startedAt, engineCpuS: clockS * 0.25, budget: 0.5 } as Live['status'],
    ports: [],
    stats: [
      {
        name: 'g1',
        counters: { egress_frames: frames, egress_bytes: frames * 1000 } as Live['stats'][number]['counters'],
        drops: full === 0 ? {} : { ring_full: full },
      },
    ],
    promises: [],
    tuning,
  }
}

describe('History', () => {
  it('has rates, shares, reasons and drops a second when two readings lie further apart', () => {
    const history = new History()
    history.take(live({ clockS: 10, frames: 0 }))
    expect(history.seconds).toEqual([])
    history.take(live({ clockS: 12, frames: 1_000, full: 8 }))
    const [second] = history.seconds
    expect(second?.engineShare).toBeCloseTo(0.25)
    expect(second?.ports.get('g1')).toMatchObject({
      egressFps: 500,
      egressMbps: 4,
      dropsPerS: 4,
      drops: { ring_full: 4 },
    })
    expect(second?.vifs.get('g1')?.servedShare).toBeCloseTo(0.1)
    expect(second?.vifs.get('g1')?.published).toEqual({ urgent: 250 })
  })

  it('has no negative rates when a port was added anew, and begins again when the switch did', () => {
    const history = new History()
    history.take(live({ clockS: 1, frames: 5_000 }))
    history.take(live({ clockS: 2, frames: 10 }))
    expect(history.seconds[0]?.ports.get('g1')?.egressFps).toBe(0)
    history.take(live({ clockS: 3, frames: 20, startedAt: '2026-01-31T13:00:00.000Z' }))
    expect(history.seconds).toEqual([])
  })

  it('keeps five minutes', () => {
    const history = new History()
    for (let clockS = 0; clockS < 400; clockS++) history.take(live({ clockS, frames: clockS }))
    expect(history.seconds).toHaveLength(300)
    expect(recent(history.seconds, 10, ({ timeS }) => timeS)).toBe(Date.parse(START) / 1000 + 394.5)
    expect(recent([], 10, () => 1)).toBe(0)
  })
})
