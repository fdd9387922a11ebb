import { describe, expect, it } from 'vitest'
import type { PolicyName } from '../aggregation/create.js'
import {
  type Decision,
  ENGINE_FIGURES,
  fixedPolicy,
  VIF_FIGURES,
  type VifDecision,
} from '../aggregation/policy.js'
import { counterAt, HEAD_AT, KEPT } from './tuning-layout.js'
import { TuningLog } from './tuning-log.js'
import { TuningReader } from './tuning-reader.js'
import { TuningSettings } from './tuning-settings.js'

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

function made(policy: PolicyName = 'adaptive') {
  const settings = new TuningSettings({ policy: { name: policy } })
  const log = new TuningLog(settings.buffer)
  /** A decision for the present settings. */
  const decided = (
    atUs: number,
    decision: Decision,
    p99: (vif: number) => readonly number[] = NO_DELAYS,
    applied = true,
  ): void => log.decided({ atUs, version: settings.version, applied, decision }, p99)
  const reader = new TuningReader(settings.buffer)
  return { settings, decided, reader, read: () => reader.read() }
}

describe('TuningLog', () => {
  it('gives back the settings, those of the policy that were left out included', () => {
    const { settings, read } = made('natural')
    expect(read()).toMatchObject({ policy: { name: 'natural' }, budget: 0.8, dryRun: false, restUs: 0 })
    expect(read().policy).toEqual({ name: 'natural' })
    settings.configure({ policy: { name: 'fixed', holdUs: 70, maxFrames: 9 }, budget: 0.25, dryRun: true })
    expect(read()).toMatchObject({
      policy: { name: 'fixed', holdUs: 70, maxFrames: 9 },
      budget: 0.25,
      dryRun: true,
    })
  })

  it('gives back every number of a decision', () => {
    const { decided, read } = made()
    decided(1234.5, decision([0, 127]))
    expect(read().decisions).toEqual([
      {
        atUs: 1234.5,
        applied: true,
        restUs: 20,
        figures: figures(ENGINE_FIGURES, 100),
        vifs: [vifDecision(0), vifDecision(127)],
      },
    ])
  })

  it('leaves out figures that were not known', () => {
    const { decided, read } = made()
    const partial = { ...vifDecision(3), figures: { delayUs: 5, totalP99Us: Number.NaN } }
    decided(1, { ...decision([]), vifs: [partial], figures: {} }, NO_DELAYS, false)
    const [kept] = read().decisions
    expect(kept?.figures).toEqual({})
    expect(kept?.vifs[0]?.figures).toEqual({ delayUs: 5 })
    expect(kept?.applied).toBe(false)
  })

  it('keeps the last decisions, oldest first', () => {
    const { decided, read } = made()
    for (let at = 0; at < KEPT + 5; at++) decided(at, decision([at % 3]))
    expect(read().decisions.map(({ atUs }) => atUs)).toEqual(Array.from({ length: KEPT }, (_, at) => at + 5))
  })

  it('shows the ports that the policy decides for, in their order, with their delays', () => {
    const { settings, decided, read } = made()
    for (const row of [2, 5, 9]) settings.setTarget(row, { targetUs: 100 + row, weight: row })
    settings.setControlled([9, 2], 0)
    expect(read().rows).toEqual([
      { row: 9, vif: 9, targetUs: 109, weight: 9, p99: [Number.NaN, Number.NaN, Number.NaN] },
      { row: 2, vif: 2, targetUs: 102, weight: 2, p99: [Number.NaN, Number.NaN, Number.NaN] },
    ])
    decided(1, decision([9, 2]), (row) => [row, row + 1, row + 2])
    expect(read().rows.map(({ p99 }) => p99)).toEqual([
      [9, 10, 11],
      [2, 3, 4],
    ])
  })

  it('shows what the settings say when the policy measures nothing, and in a dry run that it is not applied', () => {
    const { settings, read } = made('natural')
    settings.setControlled([3], 77)
    const limits = fixedPolicy(70, 9).limits
    settings.configure({ policy: { name: 'fixed', holdUs: 70, maxFrames: 9 }, dryRun: true })
    expect(read().decisions).toEqual([
      {
        atUs: 77,
        applied: false,
        restUs: 0,
        figures: {},
        vifs: [{ vif: 3, limits, verdict: 'set', figures: {} }],
      },
    ])
  })

  it('shows nothing of a port that has gone to the next one in its row', () => {
    const { settings, decided, read } = made()
    settings.setControlled([4], 0)
    decided(1, decision([4]), () => [1, 2, 3])
    settings.forget(4)
    settings.setTarget(4, { targetUs: 80 })
    settings.setControlled([4], 0)
    expect(read().rows[0]).toMatchObject({ row: 4, targetUs: 80, weight: 1 })
    expect(read().rows[0]?.p99).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(read().decisions[0]?.vifs.map(({ vif }) => vif)).toEqual([-1])
  })

  it('forgets a port that has gone, past decisions included', () => {
    const { settings, decided, read } = made()
    settings.setTarget(4, { targetUs: 300 })
    settings.setControlled([4, 6], 0)
    decided(1, decision([4, 6]))
    settings.forget(4)
    expect(read().rows.map(({ row }) => row)).toEqual([6])
    expect(read().decisions[0]?.vifs.map(({ vif }) => vif)).toEqual([-1, 6])
  })
})

describe('TuningReader.read', () => {
  it('reads again what changed meanwhile', () => {
    const { decided, reader } = made()
    decided(1, decision([0]))
    const load = Atomics.load
    let loads = 0
    // Something is decided between the first reading of the two counters and the second.
    Atomics.load = ((...args: Parameters<typeof load>) => {
      if (++loads === 3) decided(2, decision([1]))
      return load(...args)
    }) as typeof load
    try {
      const { decisions } = reader.read()
      expect(decisions.map(({ atUs }) => atUs)).toEqual([1, 2])
      expect(loads).toBe(9)
    } finally {
      Atomics.load = load
    }
  })

  it('ends with what there is when a writer died in the middle', () => {
    const { settings, decided, read } = made()
    decided(7, decision([0]))
    Atomics.add(counterAt(settings.buffer, 0), 0, 1)
    expect(read().decisions).toHaveLength(1)
    Atomics.add(counterAt(settings.buffer, HEAD_AT), 0, 1)
    expect(read().decisions).toHaveLength(1)
  })
})
