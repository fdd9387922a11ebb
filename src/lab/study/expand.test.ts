import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Workload } from '../workload/workload.js'
import { studyHash } from './cell.js'
import { readChosenLoads } from './colocate.js'
import { type ExpandOptions, expandStudy } from './expand.js'
import { listStudies, loadStudy, parseStudy } from './load.js'
import { fillIn } from './placeholders.js'

function fake(name: string, more: Partial<Workload> = {}): Workload {
  return {
    ...{
      name,
      description: name,
      runsOn: ['uml', 'netns', 'host', 'qemu'],
      needsPeer: true,
      primary: 'mbps',
      gives: ['mbps', 'p99Us'],
      draws: ['mbps'],
    },
    settings: z.strictObject({
      direction: z.enum(['to_vm', 'from_vm']).default('to_vm'),
      n: z.number().default(1),
    }),
    prepare: () => Promise.reject(new Error('not here')),
    ...more,
  }
}

const workloads = new Map([
  ['bulk', fake('bulk')],
  [
    'idle',
    fake('idle', { needsPeer: false, runsOn: ['uml', 'netns', 'embedded'], settings: z.strictObject({}) }),
  ],
])
const options: ExpandOptions = { workloads, guests: 'uml' }

const study = (cells: string, more = '') =>
  parseStudy(
    `name: s
title: t
question: q
method: m
notConclude: [n]
window: { warmUpS: 1, measureS: 2 }
rounds: { min: 3, max: 8 }
primary: { metric: mbps }
report: [{ figure: table, title: All, columns: [{ metric: mbps }] }]
${more}
${cells}`,
    's.yaml',
  )

function failure(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
  return 'no error'
}

const PAIR = `cells:
  - factors: { policy: [natural, dim], n: [1, 2] }
    skip: [{ policy: dim, n: 2 }]
    bed:
      switch: { policy: $policy }
      vms: [{ name: a, kind: $guests }, { name: b, kind: netns }]
    workloads: [{ run: bulk, vm: a, peer: b, settings: { n: $n } }]
    window: { measureS: 3 }
`

describe('fillIn', () => {
  it('fillIn keeps the type of a value that stands alone and makes text of it inside a text', () => {
    expect(fillIn({ a: '$n', b: 'vm$n', c: ['$yes', 7] }, { n: 4, yes: true })).toEqual({
      ...{ a: 4, b: 'vm4', c: [true, 7] },
    })
    expect(() => fillIn({ a: ['$m'] }, { n: 4 })).toThrow('nothing stands for $m; known here: $n')
  })
})

describe('expandStudy', () => {
  it('expandStudy makes a cell of every combination that is not skipped', () => {
    const { cells } = expandStudy(study(PAIR), options)
    expect(cells.map(({ id }) => id)).toEqual(['policy=natural,n=1', 'policy=natural,n=2', 'policy=dim,n=1'])
    expect(cells[1]?.uses).toEqual([
      { label: 'bulk', run: 'bulk', vm: 'a', peer: 'b', settings: { direction: 'to_vm', n: 2 } },
    ])
    expect(cells[2]?.bed.switch.policy).toBe('dim')
    expect(cells[0]?.bed.vms.map(({ kind, nics }) => [kind, nics])).toEqual([
      ['uml', 1],
      ['netns', 1],
    ])
    expect(cells[0]?.window).toEqual({ warmUpS: 1, measureS: 3 })
  })

  it('expandStudy makes vm1 to vmN of a count and a use for each of them', () => {
    const text = `cells:
  - factors: { vms: [1, 3] }
    bed: { vms: [{ count: $vms, name: vm, kind: $guests }, { name: client, kind: netns }] }
    workloads: [{ run: bulk, vm: each, each: vm, peer: client, settings: { n: $n } }]
`
    const { cells } = expandStudy(study(text), options)
    expect(cells[1]?.bed.vms.map(({ name }) => name)).toEqual(['vm1', 'vm2', 'vm3', 'client'])
    expect(cells[1]?.uses.map(({ label, vm, peer, settings }) => [label, vm, peer, settings.n])).toEqual([
      ['bulk-vm1', 'vm1', 'client', 1],
      ['bulk-vm2', 'vm2', 'client', 2],
      ['bulk-vm3', 'vm3', 'client', 3],
    ])
  })

  it('expandStudy takes what --quick and --only leave', () => {
    const loaded = study(
      PAIR,
      'quick: { window: { warmUpS: 0.5 }, rounds: { min: 1, max: 2 }, only: { n: [1] } }',
    )
    const quick = expandStudy(loaded, { ...options, quick: true })
    expect(quick.cells.map(({ id }) => id)).toEqual(['policy=natural,n=1', 'policy=dim,n=1'])
    expect(quick.cells[0]?.window).toEqual({ warmUpS: 0.5, measureS: 3 })
    expect(quick.rounds).toEqual({ min: 1, max: 2, halfWidth: 0.1 })
    const only = expandStudy(loaded, { ...options, only: { n: ['2'] } })
    expect(only.cells.map(({ id }) => id)).toEqual(['policy=natural,n=2'])
    expect(studyHash(only)).toBe(studyHash(expandStudy(loaded, options)))
    expect(studyHash(quick)).not.toBe(studyHash(only))
  })

  it('expandStudy marks one cell for the A/A check, and those that this kind of guests cannot measure', () => {
    const { cells } = expandStudy(study(PAIR, 'aa: { policy: dim, n: 1 }'), {
      ...options,
      guests: 'embedded',
    })
    expect(cells.map(({ aa }) => aa)).toEqual([false, false, true])
    expect(cells[0]?.impossible).toBe(
      'bulk cannot measure a VM of kind embedded, only uml, netns, host, qemu',
    )
  })

  it('expandStudy says in one line, with its place, what is wrong', () => {
    const wrong = (from: string | RegExp, to: string) =>
      failure(() => expandStudy(study(PAIR.replace(from, to)), options))
    expect(wrong('n: $n', 'n: $m')).toBe(
      'CONFIG s.yaml:17:61: nothing stands for $m; known here: $policy, $n, $guests',
    )
    expect(wrong('run: bulk', 'run: bluk')).toBe(
      'CONFIG s.yaml:17:24: there is no workload "bluk"; known: bulk, idle',
    )
    expect(wrong('peer: b', 'peer: c')).toBe('CONFIG s.yaml:17:43: no VM is called "c"; there are a, b')
    expect(wrong('peer: b', 'peer: a')).toBe('CONFIG s.yaml:17:43: "a" cannot be its own peer')
    expect(wrong(', peer: b', '')).toBe('CONFIG s.yaml:17:17: the workload bulk needs a peer; add peer: NAME')
    expect(wrong('n: $n', 'n: fast')).toMatch(/^CONFIG s\.yaml:17:61: bulk: n is "fast"; /)
    expect(wrong('n: $n', 'm: 1')).toMatch(/^CONFIG s\.yaml:17:\d+: bulk: settings: unknown setting "m"/)
    expect(wrong('kind: netns', 'kind: docker')).toMatch(
      /^CONFIG s\.yaml:16:58: vms\[1\]\.kind is "docker"; allowed: uml,/,
    )
    expect(wrong('name: b', 'name: a')).toBe('CONFIG s.yaml:16:12: two VMs are called "a"')
    expect(wrong('{ name: b, kind: netns }', '{ count: 0, kind: netns }')).toMatch(/count is 0; it must be/)
    expect(wrong('natural, dim', 'natural, 3')).toMatch(/switch\.policy is 3; allowed: /)
    expect(failure(() => expandStudy(study(PAIR + PAIR.replace('cells:\n', '')), options))).toMatch(
      /the cell policy=natural,n=1 is there twice/,
    )
    expect(failure(() => expandStudy(study(PAIR), { ...options, only: { speed: ['1'] } }))).toBe(
      'USAGE no cell has a factor "speed"; there are policy, n',
    )
    expect(failure(() => expandStudy(study(PAIR), { ...options, only: { n: ['9'] } }))).toBe(
      'USAGE no cell has n=9; there are 1, 2',
    )
  })
})

const COLOCATE = `colocate:
  bed: { vms: [{ name: a, kind: $guests }, { name: pa, kind: netns }, { name: b, kind: $guests }, { name: pb, kind: netns }] }
  loads:
    bulk: { run: bulk, vm: $vm, peer: $peer }
    rest: { run: idle, vm: $vm }
`

describe('colocate', () => {
  it('expandStudy makes every load alone and every unordered pair, with and without isolation', () => {
    const { cells } = expandStudy(study(COLOCATE), options)
    expect(cells.map(({ factors }) => Object.values(factors).join(' '))).toEqual([
      ...['bulk none true', 'rest none true', 'bulk bulk true', 'bulk rest true', 'rest rest true'],
      ...['bulk none false', 'rest none false', 'bulk bulk false', 'bulk rest false', 'rest rest false'],
    ])
    expect(cells[3]?.uses.map(({ label, run, vm, peer }) => [label, run, vm, peer])).toEqual([
      ['victim', 'bulk', 'a', 'pa'],
      ['aggressor', 'idle', 'b', undefined],
    ])
    expect(cells[2]?.uses[1]).toMatchObject({ label: 'aggressor', vm: 'b', peer: 'pb' })
    expect([cells[3], cells[8]].map((cell) => cell?.bed.switch.isolation)).toEqual([true, false])
  })

  it('expandStudy takes the loads that another run chose, and they change the hash', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-chosen-'))
    try {
      const loads = { udp: { run: 'bulk', vm: 'x', peer: 'y', settings: { n: 3 }, label: 'bulk' } }
      writeFileSync(join(folder, 'chosen.json'), JSON.stringify({ loads }))
      const plan = expandStudy(study(COLOCATE), { ...options, loads: readChosenLoads(folder) })
      expect(plan.cells.map(({ id }) => id)[1]).toBe('victim=udp,aggressor=udp,isolation=true')
      expect(plan.cells[1]?.uses[1]).toMatchObject({ vm: 'b', peer: 'pb', settings: { n: 3 } })
      expect(studyHash(plan)).not.toBe(studyHash(expandStudy(study(COLOCATE), options)))
      expect(failure(() => readChosenLoads('/nonexistent'))).toMatch(/^NOT_FOUND .*chosen\.json: not there/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('shipped studies', () => {
  it('every shipped study has only workloads, settings and VMs that exist', async () => {
    const { WORKLOADS } = await import('../workload/registry.js')
    const known = new Map([...WORKLOADS].map((workload) => [workload.name, workload]))
    for (const { study: shipped } of listStudies()) {
      for (const guests of ['uml', 'netns', 'embedded'] as const) {
        const loaded = loadStudy(shipped.name, guests)
        for (const quick of [false, true]) {
          const { cells } = expandStudy(loaded, { workloads: known, guests, quick })
          expect(cells.length).toBeGreaterThan(0)
          if (loaded.study.aa) expect(cells.filter(({ aa }) => aa).length).toBe(1)
        }
      }
    }
  })
})
