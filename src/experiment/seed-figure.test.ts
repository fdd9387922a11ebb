import { describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { seedChart, seedFigure } from './seed-figure.js'

describe('seedFigure', () => {
  const bars = seedFigure({ seed: 1, plane: planeModule(), replications: 1 })

  it('seedFigure comes within 5 % of each published bar', () => {
    const published = bars.filter(({ publishedMbps }) => publishedMbps !== null)
    expect(published).toHaveLength(6)
    for (const { name, mbps, publishedMbps } of published)
      expect({ name, near: Math.abs(mbps.estimate / publishedMbps! - 1) < 0.05 }).toEqual({
        name,
        near: true,
      })
  })

  it("seedFigure orders architectures as the document's sentences do", () => {
    const of = (name: string): number => bars.find((bar) => bar.name === name)!.mbps.estimate
    for (const direction of ['transmit', 'receive']) {
      expect(of(`type-1 guest ${direction}`)).toBeGreaterThan(of(`xen guest ${direction}`))
      expect(of(`type-1 guest ${direction}`)).toBeGreaterThan(of(`type-2 guest ${direction}`))
      expect(of(`type-2 guest ${direction}`)).toBeGreaterThan(of(`type-2 full guest ${direction}`))
    }
  })

  it('seedChart draws published bars hollow beside simulated ones', () => {
    const { svg, table } = seedChart(bars)
    expect(svg).toContain('Type-II VMM')
    expect(table.rows.length).toBeGreaterThanOrEqual(9)
  })
})
