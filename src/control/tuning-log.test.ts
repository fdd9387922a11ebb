import { describe, expect, it } from 'vitest'
import { type Decision, ENGINE_FIGURES, VIF_FIGURES, type VifDecision } from '../aggregation/policy.js'
import { KEPT, TuningLog } from './tuning-log.js'
import { TuningReader } from './tuning-reader.js'

const NO_DELAYS = (): readonly number[] => [Number.NaN, Number.NaN, Number.NaN]

/** Figures with values of their own. */
function figures<Name extends string>(names: readonly Name[], from: number): Record<Name, number> {
  return Object.fromEntries(names.map((name, at) => [name, from + at / 8])) as Record<Name, number>
}

function vifDecision(vif: number): VifDecision {
  return {
    vif,
    verdict: 'held',
    limits: { holdUs: 10 + vif, maxFrames: 64, maxBytes: 1 << 20, gapUs: 3.5, urgentPublish: true },
    figures: figures(VIF_FIGURES, vif),
  }
}

function decision(rows: readonly number[], from = 100): Decision {
  return {
    policy: 'adaptive',
    restUs: 20,
    workUs: Number.POSITIVE_INFINITY,
    vifs: rows.map(vifDecision),
    figures: figures(ENGINE_FIGURES, from),
  }
}

function made() {
  const log = new TuningLog()
  log.set({ policy: { name: 'natural' }, budget: 0.8, dryRun: false })
  return { log, read: () => new TuningReader(log.buffer).read() }
}

describe('TuningLog', () => {
  it('gives back the settings, those of the policy that were left out included', () => {
    const { log, read } = made()
    expect(read()).toMatchObject({ policy: { name: 'natural' }, budget: 0.8, dryRun: false, restUs: 0 })
    expect(read().policy).toEqual({ name: 'natural' })
    log.set({ policy: { name: 'fixed', holdUs: 70, maxFrames: 9 }, budget: 0.25, dryRun: true })
    expect(read()).toMatchObject({
      policy: { name: 'fixed', holdUs: 70, maxFrames: 9 },
      budget: 0.25,
      dryRun: true,
    })
  })

  it('gives back every number of a decision', () => {
    const { log, read } = made()
    log.decided(1234.5, true, decision([0, 127]), 20, NO_DELAYS)
    expect(read().decisions).toEqual([
      {
        atUs: 1234.5,
        applied: true,
        restUs: 20,
        figures: figures(ENGINE_FIGURES, 100),
        vifs: [vifDecision(0), vifDecision(127)],
      },
    ])
    expect(read().restUs).toBe(20)
  })

  it('leaves out figures that were not known', () => {
    const { log, read } = made()
    const partial = { ...vifDecision(3), figures: { delayUs: 5, totalP99Us: Number.NaN } }
    log.decided(1, false, { ...decision([]), vifs: [partial], figures: {} }, 0, NO_DELAYS)
    const [kept] = read().decisions
    expect(kept?.figures).toEqual({})
    expect(kept?.vifs[0]?.figures).toEqual({ delayUs: 5 })
    expect(kept?.applied).toBe(false)
  })

  it('keeps the last decisions, oldest first', () => {
    const { log, read } = made()
    for (let at = 0; at < KEPT + 5; at++) log.decided(at, true, decision([at % 3]), 0, NO_DELAYS)
    expect(read().decisions.map(({ atUs }) => atUs)).toEqual(Array.from({ length: KEPT }, (_, at) => at + 5))
  })

  it('shows the ports that the policy decides for, in their order, with their delays', () => {
    const { log, read } = made()
    for (const row of [2, 5, 9]) log.setTarget(row, 100 + row, row)
    log.setControlled([9, 2])
    expect(read().rows).toEqual([
      { row: 9, targetUs: 109, weight: 9, p99: [Number.NaN, Number.NaN, Number.NaN] },
      { row: 2, targetUs: 102, weight: 2, p99: [Number.NaN, Number.NaN, Number.NaN] },
    ])
    log.decided(1, true, decision([9, 2]), 0, (row) => [row, row + 1, row + 2])
    expect(read().rows.map(({ p99 }) => p99)).toEqual([
      [9, 10, 11],
      [2, 3, 4],
    ])
  })

  it('forgets a port that has gone, past decisions included', () => {
    const { log, read } = made()
    log.setTarget(4, 300, 1)
    log.setControlled([4, 6])
    log.decided(1, true, decision([4, 6]), 0, NO_DELAYS)
    log.forget(4)
    expect(read().rows.map(({ row }) => row)).toEqual([6])
    expect(read().decisions[0]?.vifs.map(({ vif }) => vif)).toEqual([-1, 6])
  })
})

describe('TuningReader.read', () => {
  it('reads again what changed meanwhile', () => {
    const { log } = made()
    log.decided(1, true, decision([0]), 0, NO_DELAYS)
    const load = Atomics.load
    let loads = 0
    // The engine decides between the first reading of the counter and the last.
    Atomics.load = ((...args: Parameters<typeof load>) => {
      if (++loads === 2) log.decided(2, true, decision([1]), 0, NO_DELAYS)
      return load(...args)
    }) as typeof load
    try {
      const { decisions } = new TuningReader(log.buffer).read()
      expect(decisions.map(({ atUs }) => atUs)).toEqual([1, 2])
      expect(loads).toBe(4)
    } finally {
      Atomics.load = load
    }
  })

  it('ends with what there is when a writer died in the middle', () => {
    const { log, read } = made()
    log.decided(7, true, decision([0]), 0, NO_DELAYS)
    Atomics.add(new Int32Array(log.buffer), 0, 1)
    expect(read().decisions).toHaveLength(1)
  })
})
