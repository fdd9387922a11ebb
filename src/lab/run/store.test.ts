import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeLab } from '../../../test/support/lab-fakes.js'
import { isFinished, makeHeader, newestUnfinished, planOf, runName } from './begin.js'
import { csvField, runCsv } from './csv.js'
import { RUN_FILE, RunStore, readRun } from './store.js'

let parent: string
let folder: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'ringferry-store-'))
  folder = join(parent, 'run')
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

const lab = new FakeLab('{ min: 1, max: 1 }')
const headerAt = (startedAt: string) => makeHeader(lab.plan, { run: 'r', seed: 1, startedAt, machine: {} })
const header = headerAt('2026-01-01T00:00:00Z')
const event = { type: 'resumed', at: '2026-01-01T00:00:00Z', detail: 'd' } as const
const finished = { ...event, type: 'finished' } as const
const file = () => join(folder, RUN_FILE)

async function write(records: Parameters<RunStore['append']>[0][], at = header, to = folder): Promise<void> {
  const store = await RunStore.create(to, at)
  for (const record of records) store.append(record)
  await store.close()
}

describe('RunStore', () => {
  it('readRun gives back what was written', async () => {
    await new FakeLab('{ min: 1, max: 1 }').run().catch(() => {})
    const one = new FakeLab('{ min: 1, max: 1 }')
    await one.run()
    await write(one.records)
    const run = readRun(folder)
    expect(run.header).toEqual(header)
    expect(run.records).toEqual(one.records)
    expect(run.tornBytes).toBe(0)
    expect(isFinished(run)).toBe(true)
  })

  it('a torn last line is told by readRun and cut off by resume, all before it kept byte for byte', async () => {
    await write([event, event])
    const whole = readFileSync(file())
    for (const torn of ['{', '{"type":"finished","at":"x","detail":"y"}', '\u00e4']) {
      writeFileSync(file(), whole)
      appendFileSync(file(), torn)
      expect(readRun(folder).tornBytes).toBe(Buffer.byteLength(torn))
      const { store, before } = await RunStore.resume(folder)
      expect(before.records).toHaveLength(2)
      store.append(finished)
      await store.close()
      expect(readFileSync(file()).subarray(0, whole.length)).toEqual(whole)
      expect(readRun(folder).records.map(({ type }) => type)).toEqual(['resumed', 'resumed', 'finished'])
    }
  })

  it('readRun names the line when something is no record', async () => {
    await write([event])
    appendFileSync(file(), 'garbage\n')
    expect(() => readRun(folder)).toThrow(`${file()}:3: not JSON`)
    writeFileSync(file(), `${JSON.stringify(header)}\n{"type":"measurement"}\n`)
    expect(() => readRun(folder)).toThrow(`${file()}:2: not a record of the lab (cell is missing`)
    writeFileSync(file(), `${JSON.stringify(header)}\n${JSON.stringify(header)}\n`)
    expect(() => readRun(folder)).toThrow(`${file()}:2: a second header`)
    writeFileSync(file(), JSON.stringify(header).slice(0, 40))
    expect(() => readRun(folder)).toThrow('the header is missing')
    expect(() => readRun(join(parent, 'none'))).toThrow('no run of the lab')
  })

  it('append refuses what could not be read back, and the file stays whole', async () => {
    const store = await RunStore.create(folder, header)
    const bad = { ...event, type: 'failure', round: Number.NaN } as unknown as typeof event
    expect(() => store.append(bad)).toThrow('not a record of the lab')
    await store.close()
    expect(readRun(folder).records).toEqual([])
  })

  it('two labs cannot write one run, and none is started over another', async () => {
    const store = await RunStore.create(folder, header)
    await expect(RunStore.resume(folder)).rejects.toMatchObject({ code: 'BUSY' })
    await store.close()
    await expect(RunStore.create(folder, header)).rejects.toThrow('there is a run already')
    const { store: second } = await RunStore.resume(folder)
    await second.close()
  })
})

describe('begin', () => {
  it('newestUnfinished finds the newest run of a study that did not finish', async () => {
    await write([], headerAt('2026-01-01T00:00:00Z'), join(parent, 'a'))
    await write([finished, event], headerAt('2026-01-02T00:00:00Z'), join(parent, 'b'))
    await write([finished], headerAt('2026-01-03T00:00:00Z'), join(parent, 'c'))
    expect(newestUnfinished(parent, 'fake')).toBe(join(parent, 'b'))
    expect(() => newestUnfinished(parent, 'other')).toThrow('no unfinished run of other')
  })

  it('planOf refuses another study or other options, and cuts the plan to what was planned', async () => {
    const { plan } = lab
    const part = { ...plan, cells: plan.cells.slice(1) }
    await write([], makeHeader(part, { run: 'r', seed: 1, startedAt: 'x', machine: {} }))
    expect(planOf(readRun(folder), plan).cells.map(({ id }) => id)).toEqual(part.cells.map(({ id }) => id))
    expect(() => planOf(readRun(folder), { ...plan, quick: true })).toThrow(
      'other options (fake, guests netns)',
    )
  })

  it('runName is the study and the local time', () => {
    expect(runName('seed', new Date(2026, 0, 2, 3, 4, 5))).toBe('seed-20260102-030405')
  })
})

describe('runCsv', () => {
  it('runCsv has a row for each metric and quotes what must be quoted', async () => {
    const one = new FakeLab('{ min: 1, max: 1 }')
    await one.run()
    await write(one.records)
    const lines = runCsv(readRun(folder)).split('\r\n')
    expect(lines[0]).toBe(
      'run,cell,policy,isolation,round,twin,startedAt,noise,label,workload,vm,peer,metric,unit,value',
    )
    const rows = lines.filter((line) => line.includes(',mbps,'))
    expect(rows).toHaveLength(4)
    expect(rows.every((row) => /^r,"policy=\w+,isolation=\w+",/.test(row))).toBe(true)
    expect(csvField('say "a", b')).toBe('"say ""a"", b"')
    expect(csvField('two\nlines')).toBe('"two\nlines"')
  })
})
