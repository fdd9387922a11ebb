import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { runModel } from '../sim/run.js'
import { parseModel } from './model-file.js'
import { UnitTrace } from './trace-file.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-trace-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MODEL = `
vms: [{ name: a, cores: [1] }, { name: b, cores: [1] }]
traffic: [{ kind: open, from: a, to: b, rateFps: 20000 }]
measureMs: 5
warmUpMs: 0
`

it('UnitTrace has every unit once, none over another on its processor, and changes nothing', async () => {
  const { model } = await parseModel(MODEL, 'm.yaml')
  const trace = new UnitTrace()
  const options = { seed: 1, plane: planeModule() }
  expect(runModel(model, { ...options, tracer: trace })).toEqual(runModel(model, options))
  expect(new Set(trace.units.map(({ thread }) => thread))).toEqual(new Set(['driver domain', 'a', 'b']))
  const until = new Map<number, number>()
  for (const { processor, atNs, tookNs } of trace.units) {
    expect(atNs).toBeGreaterThanOrEqual(until.get(processor) ?? 0)
    until.set(processor, atNs + tookNs)
  }
  const [lines, chrome] = [join(folder, 'a.jsonl'), join(folder, 'a.json')]
  trace.write(lines)
  trace.write(chrome)
  expect(readFileSync(lines, 'utf8').split('\n').length).toBe(trace.units.length + 1)
  const { traceEvents } = JSON.parse(readFileSync(chrome, 'utf8')) as { traceEvents: { ph: string }[] }
  expect(traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(trace.units.length)
  expect(() => trace.write(join(lines, 'a.json'))).toThrow(/cannot be written \(E\w+\): .*no folder/)
})
