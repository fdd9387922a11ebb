import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { REST, SLEEP, TURN } from '../../src/control/pace.js'
import type { TuneState } from '../../src/control/tuning.js'
import type { LoggedDecision } from '../../src/control/tuning-reader.js'
import type { PortCounters } from '../../src/core/counters.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PURE = ['core', 'control', 'aggregation', 'stats', 'virtio', 'errors']

interface Outcome {
  readonly reads: number
  readonly switched: {
    readonly sent: number
    readonly received: number
    readonly wrong: number
    readonly story: readonly { readonly steps: readonly number[]; readonly tuning: TuneState }[]
    readonly counters: readonly PortCounters[]
    readonly fdb: readonly { readonly mac: string; readonly port: number }[]
    readonly decisions: readonly LoggedDecision[]
    readonly deficits: readonly string[]
  }
}

/** Runs the switch of pure-switch-process.mjs, where no module of Node's can be loaded. Rejects with what it says. */
function run(readEvery: number, modules: readonly string[] = []): Promise<Outcome> {
  const hooks = pathToFileURL(join(ROOT, 'test/support/no-system.mjs')).href
  const program = join(ROOT, 'test/support/pure-switch-process.mjs')
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      ['--import', hooks, program, String(readEvery), ...modules],
      { maxBuffer: 2 ** 24 },
      (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout) as Outcome)),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(readFileSync(join(ROOT, 'dist/plane.wasm')))
  })
}

const built = (path: string): string => pathToFileURL(join(ROOT, 'dist', path)).href

/** Every module of the folders that must work without a kernel. */
function pureModules(): string[] {
  return PURE.flatMap((folder) =>
    readdirSync(join(ROOT, 'dist', folder), { recursive: true })
      .map(String)
      .filter((file) => file.endsWith('.js'))
      .map((file) => built(`${folder}/${file}`)),
  )
}

describe('plane, core and control where koffi and every module of Node throw', () => {
  let alone: Outcome
  beforeAll(async () => {
    alone = await run(0, pureModules())
  })

  it('carry frames between two modelled rings byte by byte, and decide', () => {
    const { switched } = alone
    expect(switched.sent).toBeGreaterThan(10_000)
    expect(switched).toMatchObject({ received: switched.sent, wrong: 0 })
    expect(switched.counters[1]?.counts.published_frames).toBe(switched.sent)
    expect(switched.counters[1]?.drops).toEqual({})
    expect(switched.fdb.map(({ mac, port }) => [mac, port])).toEqual([
      ['02:00:00:00:00:01', 0],
      ['02:00:00:00:00:02', 1],
    ])
    const [natural, fixed, adaptive] = switched.story
    expect(natural?.steps).toEqual([TURN, SLEEP])
    expect(natural?.tuning.vifs[1]).toMatchObject({ name: 'g1', limits: { holdUs: 0, urgentPublish: false } })
    expect(fixed?.tuning.vifs[1]).toMatchObject({ limits: { holdUs: 300, maxFrames: 9 } })
    expect(fixed?.tuning.vifs[1]?.published.frames).toBeGreaterThan(0)
    // Far above its budget: as late as the target allows, the rest of the engine included.
    expect(adaptive?.steps).toContain(REST)
    const [last] = switched.decisions.slice(-1)
    expect(last).toMatchObject({ applied: true, figures: { theta: 1, budget: 0.05 } })
    expect(last?.restUs).toBeGreaterThan(0)
    for (const { limits, figures } of last?.vifs ?? []) {
      expect(figures.delayUs).toBeLessThanOrEqual(figures.targetUs ?? 0)
      expect((last?.restUs ?? 0) + limits.holdUs).toBeLessThanOrEqual((figures.delayUs ?? 0) + 1e-6)
    }
    expect(adaptive?.tuning.vifs[1]?.p99.totalUs).toBeLessThanOrEqual(800)
    // Its target leaves more than another rest beyond the rest: that is held.
    expect(adaptive?.tuning.vifs[1]?.published.deadline).toBeGreaterThan(0)
  })

  it('decide the same to the last digit when everything is read all the time', async () => {
    const watched = await run(3)
    expect(watched.reads).toBeGreaterThan(1000)
    expect(new Set(alone.switched.deficits).size).toBeGreaterThan(10)
    expect(alone.switched.decisions.length).toBeGreaterThan(5)
    expect(watched.switched).toEqual(alone.switched)
  })

  it.each([
    'sys/libc.js',
    'engine/engine.js',
    'port/settings.js',
  ])('refuse %s, which asks for more', async (path) => {
    await expect(run(0, [built(path)])).rejects.toThrow('is out of reach here')
  })
})
