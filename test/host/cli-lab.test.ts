import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { cli } from './cli-process.js'

const studyFile = (name: string): string => fileURLToPath(new URL(`studies/${name}.yaml`, import.meta.url))
const schemaOf = (name: string) =>
  z.fromJSONSchema(
    JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8')),
  )

interface Line {
  readonly type: string
  readonly cell?: string
  readonly twin?: boolean
  readonly workloads?: readonly { readonly metrics: Readonly<Record<string, number>> }[]
}

describe('ringferry lab', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-lab-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const linesOf = (run: string): Line[] =>
    readFileSync(join(folder, run, 'run.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)

  it('ringferry lab run measures embedded guests and writes what its schemas say', async () => {
    const [out, json] = [join(folder, 'embedded'), join(folder, 'summary.json')]
    const { code, stdout, stderr } = await cli([
      ...['lab', 'run', studyFile('tiny-embedded'), '--out', out, '--json', json],
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/policy=natural +2 /)
    const record = schemaOf('lab-record')
    for (const line of linesOf('embedded')) record.parse(line)
    const measured = linesOf('embedded').filter(({ type }) => type === 'measurement')
    // Two cells in two rounds, and the A/A twin of one of them.
    expect(measured).toHaveLength(6)
    expect(measured.filter(({ twin }) => twin)).toHaveLength(2)
    expect(stdout).toContain(`report: ${out}/report.html`)
    expect(existsSync(join(out, 'report.html'))).toBe(true)
    const again = await cli(['lab', 'report', out, '--out', join(folder, 'reports')])
    expect(again.stdout.split('\n')).toContain(join(folder, 'reports', 'report.md'))
    expect(existsSync(join(folder, 'reports', 'report.md'))).toBe(true)
    schemaOf('lab-summary').parse(JSON.parse(readFileSync(json, 'utf8')))
  })

  it('ringferry lab run measures TCP between namespaces; export and compare take the run', async () => {
    const out = join(folder, 'netns')
    const run = await cli(['lab', 'run', studyFile('tiny-netns'), '--out', out, '--only', 'direction=to_vm'])
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' })
    const measured = linesOf('netns').filter(({ type }) => type === 'measurement')
    expect(measured).toHaveLength(4)
    for (const { workloads } of measured) expect(workloads?.[0]?.metrics.mbps).toBeGreaterThan(1)
    const csv = await cli(['lab', 'export', out, '--csv'])
    expect(csv.stdout.split('\r\n').filter((line) => line.includes(',mbps,'))).toHaveLength(4)
    const compared = await cli(['lab', 'compare', out, out])
    expect(compared).toMatchObject({ code: 0, stderr: '' })
    expect(compared.stdout).toMatch(/no regression: 2 same/)
  })

  it('ringferry lab compare ends with 1 when a cell became slower and 0 when none did', async () => {
    const make = (name: string, factor: number): string => {
      const [header, ...records] = linesOf('netns') as unknown as Record<string, unknown>[]
      const [first] = records.filter(({ type }) => type === 'measurement')
      const lines = [0, 1, 2, 3, 4].map((round) => ({
        ...{ ...first, round },
        workloads: [
          {
            ...(first?.workloads as object[])[0],
            metrics: { mbps: factor * (1000 + round) },
          },
        ],
      }))
      const planned = [{ cell: first?.cell, factors: first?.factors }]
      const run = join(folder, name)
      rmSync(run, { recursive: true, force: true })
      mkdirSync(run)
      const text = [{ ...header, planned }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
      writeFileSync(join(run, 'run.jsonl'), text)
      return run
    }
    const [before, after] = [make('before', 1), make('after', 0.7)]
    const worse = await cli(['lab', 'compare', before, after])
    expect(worse.code).toBe(1)
    expect(worse.stdout).toMatch(/-30\.0 % .*worse\n\nregression: 1 worse/)
    const better = await cli(['lab', 'compare', after, before, '--json'])
    expect(better.code).toBe(0)
    expect(JSON.parse(better.stdout)).toMatchObject({ regression: false, cells: [{ verdict: 'better' }] })
    expect((await cli(['lab', 'compare', before, join(folder, 'nothing')])).code).toBe(2)
  })

  it('ringferry lab says what is wrong before anything starts', async () => {
    const list = await cli(['lab', 'list', '--json'])
    expect((JSON.parse(list.stdout) as { name: string }[]).map(({ name }) => name)).toContain('seed')
    const unknown = await cli(['lab', 'run', 'sead'])
    expect({ code: unknown.code, stdout: unknown.stdout }).toEqual({ code: 4, stdout: '' })
    const bad = join(folder, 'bad.yaml')
    const text = readFileSync(studyFile('tiny-netns'), 'utf8')
    writeFileSync(bad, text.replace('run: bulk', 'run: bluk'))
    const wrong = await cli(['lab', 'run', bad])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toMatch(
      /^ringferry: .*bad\.yaml:15:\d+: there is no workload "bluk"; known: .*bulk.*\n$/,
    )
    const dry = await cli(['lab', 'run', studyFile('tiny-netns'), '--dry-run', '--out', join(folder, 'dry')])
    expect(dry.stdout).toMatch(/4 cells, 2 rounds, guests netns: about \d+ s/)
    expect(existsSync(join(folder, 'dry'))).toBe(false)
  })
})
