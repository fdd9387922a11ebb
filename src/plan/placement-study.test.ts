import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { answerPlacement } from './placement-study.js'

const report = (name: string): string => fileURLToPath(new URL(`../../docs/reports/${name}`, import.meta.url))
const one = { loads: new Map<string, number>(), perHost: 2, seed: 1 }

describe('answerPlacement', () => {
  it('answerPlacement puts one VM of each load of a run somewhere, best no worse than chance, worst no better', () => {
    const { hosts, best, random, worst } = answerPlacement(report('colocation'), one)
    expect(new Set(hosts.flat()).size).toBe(hosts.flat().length)
    expect(best.predicted).toBeGreaterThanOrEqual(random.predicted)
    expect(random.predicted).toBeGreaterThanOrEqual(worst.predicted)
  })

  it('answerPlacement takes as many VMs of a load as were asked for', () => {
    const loads = new Map([
      ['web', 2],
      ['idle', 1],
    ])
    const { hosts } = answerPlacement(report('colocation'), { ...one, loads })
    expect(hosts.flat().sort()).toEqual(['idle', 'web', 'web'])
  })

  it('answerPlacement refuses loads and runs that do not serve', () => {
    const ask = (loads: [string, number][], run = 'colocation') =>
      answerPlacement(report(run), { ...one, loads: new Map(loads) })
    expect(() => ask([['wbe', 1]])).toThrow('--load: the run has no load "wbe" (did you mean "web"?)')
    expect(() => ask([['web', 65]])).toThrow('--load: 65 VMs; at most 64')
    expect(() => ask([], 'seed')).toThrow('has no pairs of loads; give one of "colocation"')
    expect(() => ask([], 'none')).toThrow('no run of the lab')
  })
})
