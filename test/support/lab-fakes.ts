/** A lab without guests: beds that count what is done to them, workloads whose values a test gives, a clock that jumps. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { RingferryError } from '../../src/errors/errors.js'
import type { Bed, BedSample, BedSpec, BedVm } from '../../src/lab/bed/bed.js'
import type { LabRecord, Measurement } from '../../src/lab/record/record.js'
import { pickPrimary, RunHistory } from '../../src/lab/run/history.js'
import { type RunnerDependencies, runStudy } from '../../src/lab/run/runner.js'
import { expandStudy } from '../../src/lab/study/expand.js'
import { parseStudy } from '../../src/lab/study/load.js'
import type { Workload } from '../../src/lab/workload/workload.js'

export class FakeBed implements Bed {
  spec: BedSpec
  readonly vms: readonly BedVm[]
  readonly failed: Promise<never>
  die: (error: Error) => void = () => {}
  stopped = 0
  /** Processor seconds that it has used so far while nothing was asked of it. */
  idles: () => number = () => 0
  #atS = 0

  constructor(spec: BedSpec) {
    this.spec = spec
    this.vms = spec.vms.map((vm) => ({ spec: vm, name: vm.name, kind: vm.kind }) as unknown as BedVm)
    this.failed = new Promise((_, reject) => {
      this.die = reject
    })
    this.failed.catch(() => {})
  }

  vm(name: string): BedVm {
    return this.vms.find((vm) => vm.name === name) as BedVm
  }

  hasOwnTime = false

  async reshape(spec: BedSpec): Promise<boolean> {
    if (spec.switch.isolation !== this.spec.switch.isolation) return false
    this.spec = spec
    return true
  }

  sample(): BedSample {
    const atS = this.#atS++
    return { atS, guestCpuS: {}, driverCpuS: 0, busyS: atS, burntS: 0, stealS: 0, ports: {} }
  }

  idleCpuS(): number {
    return this.idles()
  }

  async describe(): Promise<Record<string, unknown>> {
    return {}
  }

  async stop(): Promise<void> {
    this.stopped++
  }
}

/** What the workload gives or does: in a cell, on a bed, as the n-th measurement of all. */
export type Act = (site: { readonly bed: FakeBed; readonly n: number }) => number | Promise<number>

const STUDY = (rounds: string, aa: string) => `
name: fake
title: t
question: q
method: m
notConclude: [n]
window: { warmUpS: 1, measureS: 2 }
rounds: ${rounds}
primary: { metric: mbps }
${aa}
cells:
  - factors: { policy: [natural, dim], isolation: [true, false] }
    bed: { switch: { policy: $policy, isolation: $isolation }, vms: [{ name: a, kind: netns }] }
    workloads: [{ run: load, vm: a }]
report: [{ figure: table, title: All, columns: [{ metric: mbps }] }]
`

export class FakeLab {
  readonly beds: FakeBed[] = []
  readonly records: LabRecord[] = []
  readonly notes: string[] = []
  readonly abort = new AbortController()
  act: Act = () => 100
  build: (spec: BedSpec) => void = () => {}
  closed = 0
  seconds = 0
  host = { busyS: 0, stealS: 0, totalS: 0, mhz: null as number | null }
  /** What beds use while nothing is asked of them, by the time. */
  idleCpuS: () => number = () => 0
  /** Whether beds count their own time. */
  hasOwnTime = false
  /** Share of the processors that others use. */
  busyRatio = 0
  #n = 0
  readonly #rounds: string
  readonly #aa: string

  constructor(rounds = '{ min: 2, max: 2 }', aa = '') {
    this.#rounds = rounds
    this.#aa = aa
  }

  get workloads(): ReadonlyMap<string, Workload> {
    const load: Workload = {
      ...{ name: 'load', description: '', settings: z.strictObject({}), runsOn: ['netns'], needsPeer: false },
      primary: 'mbps',
      gives: ['mbps'],
      draws: [],
      prepare: async ({ bed }) => ({
        run: async ({ signal }) => {
          const value = await this.act({ bed: bed as FakeBed, n: this.#n++ })
          signal.throwIfAborted()
          return { metrics: { mbps: value } }
        },
        close: async () => {
          this.closed++
        },
      }),
    }
    return new Map([['load', load]])
  }

  get plan() {
    const study = parseStudy(STUDY(this.#rounds, this.#aa), 'fake.yaml')
    return expandStudy(study, { workloads: this.workloads, guests: 'netns' })
  }

  get pick() {
    return pickPrimary(this.plan, () => 'mbps')
  }

  /** Runs what is missing. @param before records of an earlier session */
  async run(before: readonly LabRecord[] = [], { seed = 1, strict = false } = {}): Promise<RunHistory> {
    const history = new RunHistory(before)
    const dependencies: RunnerDependencies = {
      buildBed: async (spec) => {
        this.build(spec)
        const bed = new FakeBed(spec)
        bed.idles = () => this.idleCpuS()
        bed.hasOwnTime = this.hasOwnTime
        this.beds.push(bed)
        return bed
      },
      workloads: this.workloads,
      host: () => ({ ...this.host }),
      clock: {
        nowS: () => this.seconds,
        date: () => '2026-01-01T00:00:00.000Z',
        sleep: async (seconds, signal) => {
          // The limit of a cell never comes here; the one for closing comes when all else is still.
          if (seconds > 100) return new Promise(() => {})
          if (seconds === 20) return delay(20)
          // In this one a bed may still die.
          if (seconds === 0.4) return delay(20)
          signal?.throwIfAborted()
          this.seconds += seconds
          this.host.totalS += seconds
          this.host.busyS += seconds * this.busyRatio
        },
      },
    }
    const observer = {
      note: (text: string) => {
        this.notes.push(text)
      },
      begins: () => {},
      wrote: () => {},
    }
    const store = { append: (record: LabRecord) => this.records.push(structuredClone(record)) }
    await runStudy(dependencies, {
      ...{ plan: this.plan, seed, strict, history, observer, signal: this.abort.signal },
      store: { append: (record) => void store.append(record) },
    })
    return history
  }

  get measurements(): Measurement[] {
    return this.records.filter((record): record is Measurement => record.type === 'measurement')
  }

  /** "round cell" of each measurement, in order. */
  get order(): string[] {
    return this.measurements.map(({ round, cell, twin }) => `${round} ${cell}${twin ? ' twin' : ''}`)
  }
}

export const guestDied = (): RingferryError => new RingferryError('GUEST', 'guest a: it ended')
