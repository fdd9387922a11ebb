import { describe, expect, it } from 'vitest'
import { type Decision, NATURAL_LIMITS } from '../aggregation/policy.js'
import { DecisionInForce } from './in-force.js'
import { counterAt, HEAD_AT } from './tuning-layout.js'
import { TuningLog } from './tuning-log.js'
import { TuningReader } from './tuning-reader.js'
import { TuningSettings } from './tuning-settings.js'

const NO_DELAYS = (): readonly number[] => [Number.NaN, Number.NaN, Number.NaN]

/** A rest, and as long a hold for each vif. */
function decision(restUs: number, vifs: readonly number[]): Decision {
  return {
    ...{ policy: 'adaptive', restUs, workUs: 3 * restUs, figures: {} },
    vifs: vifs.map((vif) => ({
      ...{ vif, verdict: 'held', figures: {} },
      limits: { ...NATURAL_LIMITS, holdUs: restUs + vif },
    })),
  }
}

/** An engine's side and a controller's of one tuning. */
function made() {
  const settings = new TuningSettings({ policy: { name: 'adaptive' } })
  settings.setControlled([0, 1], 0)
  const log = new TuningLog(settings.buffer)
  const inForce = new DecisionInForce(settings)
  const holdUs: number[] = []
  const decided = (
    restUs: number,
    vifs: readonly number[] = [0, 1],
    version = settings.version,
    applied = true,
  ) => log.decided({ atUs: 1, version, applied, decision: decision(restUs, vifs) }, NO_DELAYS)
  const take = (): void => {
    if (inForce.isNew)
      inForce.take((row, limits) => {
        holdUs[row] = limits.holdUs
      })
  }
  return { settings, log, inForce, holdUs, decided, take }
}

describe('DecisionInForce', () => {
  it('goes by each decision once, and shows the rest to readers', () => {
    const { settings, inForce, holdUs, decided, take } = made()
    take()
    expect(inForce.restUs).toBe(0)
    decided(20)
    take()
    expect(holdUs).toEqual([20, 21])
    expect([inForce.restUs, inForce.workUs, inForce.isNew]).toEqual([20, 60, false])
    expect(new TuningReader(settings.buffer).read().restUs).toBe(20)
  })

  it('does not take a decision for other settings: the limits of the last one stay', () => {
    const { settings, inForce, holdUs, decided, take } = made()
    decided(20)
    take()
    const before = settings.version
    settings.setTarget(0, { targetUs: 50 })
    decided(400, [0, 1], before)
    take()
    expect(holdUs).toEqual([20, 21])
    expect(inForce.restUs).toBe(20)
    decided(30)
    take()
    expect(holdUs).toEqual([30, 31])
  })

  it('does not give what was decided for a vif to the next one in its row', () => {
    const { settings, holdUs, decided, take } = made()
    const before = settings.version
    settings.forget(1)
    settings.setControlled([0, 1], 0)
    decided(400, [0, 1], before)
    take()
    expect(holdUs).toEqual([])
  })

  it('does not take a decision that is being written, but does when it is whole', () => {
    const { settings, inForce, holdUs, decided, take } = made()
    const counter = counterAt(settings.buffer, HEAD_AT)
    decided(20)
    Atomics.add(counter, 0, 1)
    take()
    expect(holdUs).toEqual([])
    expect(inForce.isNew).toBe(true)
    Atomics.add(counter, 0, 1)
    take()
    expect(holdUs).toEqual([20, 21])
  })

  it('takes decisions again when one who died in the middle of writing has a successor', () => {
    const { settings, holdUs, decided, take } = made()
    Atomics.add(counterAt(settings.buffer, HEAD_AT), 0, 1)
    const next = new TuningLog(settings.buffer)
    next.decided(
      { atUs: 2, version: settings.version, applied: true, decision: decision(5, [0, 1]) },
      NO_DELAYS,
    )
    take()
    expect(holdUs).toEqual([5, 6])
    decided(6)
    take()
    expect(holdUs).toEqual([6, 7])
  })

  it('leaves limits alone and does not rest in a dry run', () => {
    const { inForce, holdUs, decided, take, settings } = made()
    decided(20)
    take()
    settings.configure({ dryRun: true })
    decided(40, [0, 1], settings.version, false)
    take()
    expect(holdUs).toEqual([20, 21])
    expect([inForce.restUs, inForce.workUs]).toEqual([0, Number.POSITIVE_INFINITY])
  })

  it('rations spinning by the last tick while somebody decides', () => {
    const { inForce, log, decided, take } = made()
    expect(inForce.maySpin(1e9)).toBe(true)
    log.ticked(100)
    decided(0)
    take()
    expect([inForce.maySpin(99), inForce.maySpin(100)]).toEqual([true, false])
    log.ticked(200)
    expect(inForce.maySpin(150)).toBe(true)
    inForce.clear()
    expect(inForce.maySpin(1e9)).toBe(true)
  })
})
