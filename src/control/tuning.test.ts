import { afterEach, describe, expect, it } from 'vitest'
import { stepUntil } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, decisionsOf, newEngine, tuningOf } from '../../test/support/switch.js'
import { PORT_BYTES } from '../core/layout.js'
import { PortRow } from '../core/port-row.js'

afterEach(cleanUp)

describe('Engine.tune', () => {
  it('changes policy, budget and a target at once and shows them', () => {
    const engine = newEngine()
    attach(engine, 'a')
    attach(engine, 'b', {}, { publish: 'natural' })
    expect(tuningOf(engine).policy).toEqual({ name: 'natural' })
    engine.tune({
      policy: { name: 'fixed', holdUs: 70, maxFrames: 9 },
      budget: 0.5,
      vif: 'a',
      targetUs: 200,
      weight: 3,
    })
    const state = tuningOf(engine)
    expect(state.budget).toBe(0.5)
    expect(state.vifs.map((vif) => vif.name)).toEqual(['a'])
    expect(state.vifs[0]).toMatchObject({ targetUs: 200, weight: 3, limits: { holdUs: 70, maxFrames: 9 } })
  })

  it('disturbs nothing when it only reads', () => {
    const engine = newEngine({ policy: { name: 'adaptive' }, budget: 0.3 })
    const a = attach(engine, 'a')
    attach(engine, 'b')
    stepUntil(engine, () => {
      a.driver.send(broadcast(1))
      return decisionsOf(engine).length >= 3
    })
    const state = () => ({
      decisions: structuredClone(decisionsOf(engine)),
      inForce: [engine.inForce.isNew, engine.inForce.ticks, engine.inForce.restUs, engine.settings.version],
      rows: [0, 1].map((index) =>
        Buffer.from(new PortRow(engine.memory, index).bytes(0, PORT_BYTES)).toString('base64'),
      ),
    })
    const before = state()
    expect(before.inForce[0]).toBe(false)
    for (let reads = 0; reads < 1000; reads++) tuningOf(engine)
    expect(state()).toEqual(before)
  })

  it('explains why batches were published', () => {
    const engine = newEngine({ policy: { name: 'adaptive' } })
    const a = attach(engine, 'a')
    attach(engine, 'b')
    let sent = 0
    stepUntil(engine, () => {
      a.driver.send(broadcast(1))
      return ++sent > 50 && decisionsOf(engine).at(-1)?.vifs.length === 2
    })
    const b = tuningOf(engine).vifs.find((vif) => vif.name === 'b')
    expect(Object.keys(b?.published ?? {})).toContain('no-hold')
    expect(b?.why).toContain('no-hold')
    expect(b?.delayUs).toBe(0)
    expect(b?.rateFps).toBeGreaterThanOrEqual(0)
    const figures = tuningOf(engine).decisions.at(-1)?.figures
    expect(figures).toHaveProperty('theta')
    // Decisions travel as JSON, which knows no infinity.
    expect(JSON.parse(JSON.stringify(figures))).toEqual(figures)
  })

  it('a dry run decides and leaves the limits as they are', () => {
    const engine = newEngine()
    attach(engine, 'a')
    const before = tuningOf(engine).vifs[0]?.limits
    engine.tune({ dryRun: true, policy: { name: 'fixed', holdUs: 70, maxFrames: 9 } })
    const state = tuningOf(engine)
    expect(state.vifs[0]?.limits).toEqual(before)
    expect(state.decisions.at(-1)?.applied).toBe(false)
    expect(state.vifs[0]?.why).toContain('hold 70 us')
  })

  it.each([
    [{ vif: 'nobody', targetUs: 100 }, /nobody/],
    [{ targetUs: 100 }, /name it/],
    [{ vif: 'a', targetUs: 0 }, /above 0/],
    [{ budget: 2 }, /at most 1/],
  ])('refuses %o with one line and changes nothing', (change, message) => {
    const engine = newEngine()
    attach(engine, 'a')
    expect(() => engine.tune(change)).toThrow(message)
    expect(tuningOf(engine).budget).toBe(0.8)
  })
})
