import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeficitRoundRobin } from './drr.js'

describe('DeficitRoundRobin', () => {
  it('next shares CPU time by weight when turns cost very different amounts', () => {
    const vif = fc.record({
      weight: fc.constantFrom(0.5, 1, 2, 5),
      costs: fc.array(fc.double({ min: 0.1, max: 60, noNaN: true }), { minLength: 1, maxLength: 5 }),
    })
    fc.assert(
      fc.property(fc.array(vif, { minLength: 2, maxLength: 6 }), (vifs) => {
        const quantumUs = 20
        const scheduler = new DeficitRoundRobin(vifs.length, quantumUs, 100)
        const used = vifs.map(() => 0)
        vifs.forEach(({ weight }, i) => {
          scheduler.weights[i] = weight
          scheduler.activate(i)
        })
        for (let turn = 0; turn < 1500; turn++) {
          const i = scheduler.next()
          const cost = vifs[i]!.costs[turn % vifs[i]!.costs.length]!
          used[i]! += cost
          scheduler.charge(i, cost)
        }
        // Served time per weight differs by at most a quantum and one turn on either side.
        for (let a = 0; a < vifs.length; a++) {
          for (let b = 0; b < a; b++) {
            const reach = 2 * quantumUs + 60 / vifs[a]!.weight + 60 / vifs[b]!.weight
            expect(Math.abs(used[a]! / vifs[a]!.weight - used[b]! / vifs[b]!.weight)).toBeLessThanOrEqual(
              reach,
            )
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it('next serves whoever has work when all are in debt or inactive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.double({ min: 0, max: 5000, noNaN: true })), {
          minLength: 1,
          maxLength: 8,
        }),
        (vifs) => {
          const scheduler = new DeficitRoundRobin(vifs.length, 10, 4000)
          vifs.forEach(([active, debt], i) => {
            scheduler.weights[i] = 0.01 + (i % 3)
            scheduler.charge(i, debt)
            if (active) scheduler.activate(i)
          })
          const chosen = scheduler.next()
          if (vifs.some(([active]) => active)) expect(scheduler.isActive(chosen)).toBe(true)
          else expect(chosen).toBe(-1)
        },
      ),
    )
  })

  it('next goes round those with work when they are few among many', () => {
    const scheduler = new DeficitRoundRobin(128, 10, 100)
    const active = [0, 31, 32, 63, 64, 127]
    for (const vif of [...active, 5]) scheduler.activate(vif)
    scheduler.activate(5)
    scheduler.deactivate(5)
    const served = active.concat(active).map(() => {
      const vif = scheduler.next()
      scheduler.charge(vif, 10)
      return vif
    })
    const from = active.indexOf(served[0]!)
    const turn = [...active.slice(from), ...active.slice(0, from)]
    expect(served).toEqual([...turn, ...turn])
    for (const vif of active) scheduler.deactivate(vif)
    expect(scheduler.next()).toBe(-1)
  })

  it('charge forgives debt beyond its bound when the host took the core away', () => {
    const scheduler = new DeficitRoundRobin(2, 10, 40)
    scheduler.activate(0)
    scheduler.activate(1)
    scheduler.charge(0, 30_000)
    let turnsOfOther = 0
    while (scheduler.next() === 1) {
      scheduler.charge(1, 10)
      turnsOfOther++
    }
    expect(turnsOfOther).toBeGreaterThan(2)
    expect(turnsOfOther).toBeLessThan(7)
  })

  it('deactivate drops credit and keeps debt when a vif goes idle', () => {
    const scheduler = new DeficitRoundRobin(2, 10, 100)
    scheduler.activate(0)
    expect(scheduler.next()).toBe(0)
    scheduler.deactivate(0)
    expect(scheduler.deficitUs[0]).toBe(0)
    scheduler.charge(0, 25)
    scheduler.deactivate(0)
    scheduler.activate(0)
    expect(scheduler.deficitUs[0]).toBe(-25)
    expect(scheduler.next()).toBe(0)
  })
})
