import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { sweepPoints } from './sweep-points.js'
import { readSweep, runSweep } from './sweep-run.js'
import { onThreads } from './sweep-threads.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-sweep-'))
afterAll(() => rmSync(folder, { recursive: true }))

const DATA = {
  nics: [{ name: 'eth0' }],
  vms: [{ name: 'v', count: 2 }],
  traffic: [{ kind: 'open', from: 'eth0', to: 'v', rateFps: 1000 }],
  measureMs: 5,
  warmUpMs: 1,
  replications: { min: 1, max: 1 },
}

describe('sweepPoints', () => {
  it('sweepPoints makes every combination of a grid, each with an id that data and seed decide', () => {
    const factors = { policy: ['natural', 'adaptive'], 'vms[0].count': [1, 2, 3], 'host.ghz': [2] }
    const points = sweepPoints(DATA, { method: 'grid', factors }, 1)
    expect(points).toHaveLength(6)
    expect(points[5]!.data).toMatchObject({
      policy: 'adaptive',
      vms: [{ name: 'v', count: 3 }],
      host: { ghz: 2 },
    })
    expect(new Set(points.map(({ id }) => id)).size).toBe(6)
    expect(sweepPoints(DATA, { method: 'grid', factors }, 1)).toEqual(points)
    expect(sweepPoints(DATA, { method: 'grid', factors }, 2)[0]!.id).not.toBe(points[0]!.id)
    expect(DATA.vms[0]!.count).toBe(2)
  })

  it('sweepPoints puts one point into each stratum of every range of a Latin hypercube', () => {
    const factors = { 'host.ghz': { from: 1, to: 5 }, 'traffic[0].rateFps': { from: 1000, to: 9000 } }
    const points = sweepPoints(DATA, { method: 'latin', points: 40, factors }, 3)
    for (const [name, { from, to }] of Object.entries(factors)) {
      const strata = points.map((point) =>
        Math.floor((((point.factors[name] as number) - from) / (to - from)) * 40),
      )
      expect([...strata].sort((a, b) => a - b)).toEqual(strata.map((_, at) => at))
    }
  })

  it.each([
    [{ method: 'grid' as const, factors: {} }, 'sweep.factors is empty'],
    [{ method: 'latin' as const, factors: { budget: { from: 0.1, to: 1 } } }, 'sweep.points is missing'],
    [{ method: 'grid' as const, factors: { budget: { from: 0.1, to: 1 } } }, '"budget" is a range'],
    [{ method: 'grid' as const, factors: { 'vms[7].count': [1] } }, 'the model has no vms.7'],
    [{ method: 'grid' as const, factors: { '..': [1] } }, 'names no setting'],
  ])('sweepPoints refuses %j', (sweep, message) => {
    expect(() => sweepPoints(DATA, sweep, 1)).toThrow(message)
  })
})

describe('runSweep', () => {
  const points = sweepPoints(
    DATA,
    { method: 'grid', factors: { 'vms[0].count': [1, 2, 3], budget: [0.5, 7] } },
    1,
  )
  const options = { seed: 1, carrier: onThreads(planeModule(), 2), signal: new AbortController().signal }

  it('runSweep writes each point once, keeps what a broken one says, and goes on after an interruption', async () => {
    const file = join(folder, 'a.jsonl')
    const lines = await runSweep(points, { ...options, file, onLine: () => {} })
    expect(lines.map(({ id }) => id)).toEqual(points.map(({ id }) => id))
    expect(lines.map(({ error }) => error === undefined)).toEqual([true, false, true, false, true, false])
    expect(lines[1]!.error).toContain('budget is 7')
    // What an interruption leaves: some lines, the last one torn.
    const kept = readFileSync(file, 'utf8').split('\n').slice(0, 2).join('\n')
    writeFileSync(file, `${kept}\n`)
    appendFileSync(file, '{"id":"torn')
    let ran = 0
    const again = await runSweep(points, { ...options, file, onLine: () => ran++ })
    expect(ran).toBe(4)
    expect(again).toEqual(lines)
    expect(readSweep(file)).toHaveLength(6)
  })

  it('runSweep runs points of the same data once, and gives each its own factors', async () => {
    const [point] = points
    const same = [1, 2].map((gbps) => ({ ...point!, factors: { gbps } }))
    let ran = 0
    const lines = await runSweep(same, { ...options, file: join(folder, 'same.jsonl'), onLine: () => ran++ })
    expect(ran).toBe(1)
    expect(lines.map(({ factors }) => factors)).toEqual([{ gbps: 1 }, { gbps: 2 }])
    expect(lines[1]!.summary).toEqual(lines[0]!.summary)
    expect(lines[0]!.summary).toBeDefined()
  })

  it('runSweep says where its file has what is no line of a sweep', async () => {
    const file = join(folder, 'b.jsonl')
    writeFileSync(file, 'hello\n')
    await expect(runSweep(points, { ...options, file, onLine: () => {} })).rejects.toThrow(
      `${file}:1: is no line of a sweep`,
    )
  })

  it('runSweep ends when it is interrupted, and says how to go on', async () => {
    const stop = new AbortController()
    const run = runSweep(points, {
      ...options,
      signal: stop.signal,
      file: join(folder, 'c.jsonl'),
      onLine: () => stop.abort(),
    })
    await expect(run).rejects.toThrow('the same command goes on')
  })
})
