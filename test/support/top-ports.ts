/** Ports of a live view. */
import type { TopPort } from '../../src/cli/top-ports.js'

/** A port that carries something; `n` makes its figures. */
export function topPort(n: number, changes: Partial<TopPort> = {}): TopPort {
  return {
    name: `g${n}`,
    kind: 'vif',
    state: 'up',
    place: `/run/ringferry/guests/g${n}.sock`,
    rates: {
      ingressFps: n * 1_234_567,
      ingressMbps: n * 830.5,
      egressFps: n * 999,
      egressMbps: n * 1.5,
      callsPerS: n * 77,
      dropsPerS: 0,
    },
    drops: 0,
    promise: { state: 'met', targetUs: 200, p99Us: 100 + n, batchFrames: 8.3 },
    ...changes,
  }
}

/** Forty ports of all kinds and states, the last of them with what is hard to show. */
export function fortyPorts(): TopPort[] {
  const ports = Array.from({ length: 38 }, (_, n) => topPort(n))
  const missed = { state: 'missed', targetUs: 200, p99Us: 1_310, batchFrames: 255 } as const
  return [
    ...ports,
    topPort(38, { name: 'a-name-of-thirty-two-letters-012', promise: missed, drops: 4e9 }),
    {
      ...topPort(39, { name: 'tap0', kind: 'tap', state: 'held', place: '設備/\u202e\x1b[2J' }),
      rates: { ...topPort(39).rates, dropsPerS: 12.5 },
    },
  ]
}
