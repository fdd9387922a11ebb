import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { recordJsonSchema } from '../record/record.js'
import { summaryJsonSchema } from '../run/run-summary.js'
import { studyJsonSchema } from './json-schema.js'
import { listStudies, loadStudy, parseStudy } from './load.js'

const schemas = fileURLToPath(new URL('../../../docs/schema/', import.meta.url))

const MINIMAL = `
name: tiny
title: Tiny
question: Does it run?
method: It runs.
notConclude: [anything]
window: { warmUpS: 0.5, measureS: 2 }
rounds: { min: 2, max: 4, halfWidth: 0.3 }
primary: { metric: mbps }
quick: { window: { measureS: 1 }, rounds: { max: 2 } }
cells:
  - bed: { vms: [{ name: a, kind: netns }] }
    workloads: [{ run: idle, vm: a }]
report: [{ figure: table, title: All, columns: [{ metric: mbps }] }]
`

function failure(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
  return 'no error'
}

describe('parseStudy', () => {
  it('parseStudy leaves what a change of window or rounds does not name', () => {
    const { study } = parseStudy(MINIMAL, 'a.yaml')
    expect(study.quick).toEqual({ window: { measureS: 1 }, rounds: { max: 2 }, only: {} })
    expect(study.window).toEqual({ warmUpS: 0.5, measureS: 2 })
  })

  it('parseStudy names file, line and column when something is wrong', () => {
    const wrong = (from: string, to: string) => failure(() => parseStudy(MINIMAL.replace(from, to), 'a.yaml'))
    expect(wrong('measureS: 2', 'measureS: soon')).toBe(
      'CONFIG a.yaml:7:35: window.measureS is "soon"; it must be a number, in seconds',
    )
    expect(wrong('title: Tiny', 'titel: Tiny')).toMatch(/^CONFIG a\.yaml:\d+:\d+: .*title/)
    expect(wrong('metric: mbps', 'metric: speed')).toMatch(
      /^CONFIG a\.yaml:9:20: primary\.metric is "speed"; allowed: mbps, fps,/,
    )
    expect(wrong('name: tiny', 'name: [tiny')).toMatch(/^CONFIG a\.yaml:\d+:\d+: this is not valid YAML: /)
    expect(wrong('window:', 'windows:')).toMatch(/^CONFIG a\.yaml:7:1: the study: unknown setting "windows"/)
  })
})

describe('loadStudy', () => {
  it('loadStudy finds shipped studies by name, with the form for a kind of guests', () => {
    expect(listStudies().length).toBeGreaterThan(0)
    for (const { study } of listStudies()) expect(loadStudy(study.name).study).toEqual(study)
    expect(loadStudy('seed', 'embedded').file).toMatch(/seed\.embedded\.yaml$/)
    expect(loadStudy('seed', 'uml').file).toMatch(/\/seed\.yaml$/)
  })

  it('loadStudy lists what there is when a name is unknown', () => {
    expect(failure(() => loadStudy('sead'))).toMatch(
      /^NOT_FOUND there is no study "sead" \(did you mean "seed"\?\); shipped: .*seed/,
    )
    expect(failure(() => loadStudy('quite-another'))).toMatch(
      /^NOT_FOUND there is no study "quite-another"; shipped: /,
    )
    expect(failure(() => loadStudy('/nonexistent/a.yaml'))).toBe(
      'NOT_FOUND /nonexistent/a.yaml: there is no such study file',
    )
  })
})

describe('schemas', () => {
  it.each([
    ['study', studyJsonSchema],
    ['lab-record', recordJsonSchema],
    ['lab-summary', summaryJsonSchema],
  ])('the published schema of %s is what the program checks', async (name, schema) => {
    await expect(`${JSON.stringify(schema(), null, 2)}\n`).toMatchFileSnapshot(
      `${schemas}${name}.schema.json`,
    )
  })
})
