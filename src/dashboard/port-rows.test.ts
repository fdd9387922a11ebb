import { describe, expect, it } from 'vitest'
import { missedPromise, promiseOf } from '../../test/support/api-answers.js'
import { filterRows, firstChoice, type PortRow, sortRows, verdictChanges } from './port-rows.js'
import { lineWidth, placePorts } from './topology.js'

function row(name: string, egressFps = 0, changes: Partial<PortRow> = {}): PortRow {
  const kind = changes.status?.kind ?? 'vif'
  return {
    name,
    status: { name, kind, state: 'up', detachments: 0, negotiated: [], place: `/run/${name}.sock` },
    state: 'up',
    rates: { ingressFps: 0, egressFps, ingressMbps: 0, egressMbps: 0, dropsPerS: 0, drops: {} },
    drops: 0,
    ...changes,
  }
}
const tap = row('uplink', 5)
const host: PortRow = { ...tap, status: { ...tap.status, kind: 'tap' } }
const rows = [
  row('g10', 10, { promise: promiseOf('g10') }),
  row('g2', 20, { promise: missedPromise('g2') }),
  row('g1', 30, { promise: promiseOf('g1') }),
  host,
]
const names = (some: readonly PortRow[]): string[] => some.map(({ name }) => name)

describe('rows of ports', () => {
  it('filterRows finds all words in name, kind, state and verdict', () => {
    expect(names(filterRows(rows, ' MISSED '))).toEqual(['g2'])
    expect(names(filterRows(rows, 'vif up'))).toEqual(['g10', 'g2', 'g1'])
    expect(names(filterRows(rows, 'tap missed'))).toEqual([])
    expect(filterRows(rows, '')).toHaveLength(4)
  })

  it('sortRows puts numbers in names in order, and what is missed first', () => {
    expect(names(sortRows(rows, 'name', false))).toEqual(['g1', 'g2', 'g10', 'uplink'])
    expect(names(sortRows(rows, 'egressFps', true))).toEqual(['g1', 'g2', 'g10', 'uplink'])
    expect(names(sortRows(rows, 'verdict', true))).toEqual(['g2', 'g1', 'g10', 'uplink'])
  })

  it('firstChoice is a target that is missed, else the busiest vif', () => {
    expect(firstChoice(rows)).toBe('g2')
    expect(firstChoice(rows.filter(({ name }) => name !== 'g2'))).toBe('g1')
    expect(firstChoice([])).toBeUndefined()
  })

  it('verdictChanges tells of targets that are missed or met from now on, and of nothing else', () => {
    const before = [promiseOf('a'), missedPromise('b'), promiseOf('c'), promiseOf('d')]
    const now = [missedPromise('a'), promiseOf('b'), promiseOf('c'), promiseOf('d', { state: 'no-load' })]
    expect(verdictChanges(before, now)).toEqual([expect.stringMatching(/^a: missed by/), 'b: target met'])
    expect(verdictChanges([], [missedPromise('a')])).toEqual([])
  })
})

describe('topology', () => {
  it('placePorts puts guests left and the rest right, and guests on both sides when there is no rest', () => {
    const sides = (some: readonly PortRow[]) => placePorts(some).nodes.map(({ side }) => side)
    expect(sides(rows)).toEqual(['left', 'left', 'left', 'right'])
    expect(sides(rows.slice(0, 3))).toEqual(['left', 'left', 'right'])
  })

  it('placePorts says how many it left out when there are forty', () => {
    const many = Array.from({ length: 39 }, (_, n) => row(`g${n}`))
    const { nodes, hidden, height } = placePorts([...many, host])
    expect([nodes.length, hidden]).toEqual([11, 29])
    for (const { y } of nodes) expect(y > 0 && y < height).toBe(true)
  })

  it('lineWidth grows with each factor of ten, within bounds', () => {
    const widths = [0, 1, 10, 1e3, 1e6, 1e12].map(lineWidth)
    expect(widths).toEqual([...widths].sort((a, b) => a - b))
    expect(widths.at(-1)).toBeLessThanOrEqual(9)
  })
})
