/**
 * Runs a study: rounds over all cells that still want a value, each bed up once a round, every measurement on the disk
 * before the next begins. What fails is tried once more at the end of the round on a bed of its own, then recorded as
 * failed; it takes nothing else with it.
 */
import { RingferryError } from '../../errors/errors.js'
import type { Bed, BedOptions, BedSpec } from '../bed/bed.js'
import type { LabRecord } from '../record/record.js'
import type { Cell, StudyPlan } from '../study/cell.js'
import type { Workload } from '../workload/workload.js'
import { type CellTools, runCell } from './cell-run.js'
import type { LabClock } from './clock.js'
import { pickPrimary, type RunHistory } from './history.js'
import type { HostSample } from './host.js'
import { NoiseCheck } from './noise.js'
import { bootKey, roundOrder, roundSeed, specKey, type Turn } from './order.js'

export interface RunnerDependencies {
  readonly buildBed: (spec: BedSpec, options: BedOptions) => Promise<Bed>
  readonly workloads: ReadonlyMap<string, Workload>
  readonly clock: LabClock
  readonly host: () => HostSample
}

/** Hears what happens. */
export interface RunObserver {
  /** A line for people. */
  note(text: string): void
  /** A cell is about to be measured. `wanted`: turns that are still to come in all rounds, at least. */
  begins(turn: Turn, round: number): void
  /** A record was written. */
  wrote(record: LabRecord): void
}

export interface RunOptions {
  readonly plan: StudyPlan
  readonly seed: number
  readonly strict: boolean
  readonly history: RunHistory
  /** Where records go; they are on the disk when it returns. */
  readonly store: { append(record: LabRecord): void }
  readonly observer: RunObserver
  /** Rejects with INTERRUPTED when all is stopped and the event is written. */
  readonly signal: AbortSignal
}

/** A bed that did not come up so often, for the same reason each time, is not tried again in this run. */
const SAME_FAILURES = 3

/** Errors that trying again cannot mend on this machine. */
const IMPOSSIBLE: ReadonlySet<string> = new Set(['NOT_FOUND', 'UNSUPPORTED', 'PERMISSION'])

function isImpossible(error: unknown): boolean {
  return error instanceof RingferryError && IMPOSSIBLE.has(error.code)
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll('\n', ' ')
}

/** Beds that do not come up: the same reason again and again is not waited for again. */
class BrokenBeds {
  readonly #failures = new Map<string, { reason: string; times: number }>()

  /** A bed did not come up. Numbers (processes, folders) may differ between equal reasons. */
  failed(spec: BedSpec, error: unknown): void {
    const key = bootKey(spec)
    const reason = reasonOf(error)
    const same = (text: string): string => text.replace(/\d+/g, '#')
    const before = this.#failures.get(key)
    const again = before !== undefined && same(before.reason) === same(reason)
    this.#failures.set(key, { reason, times: again ? before.times + 1 : 1 })
  }

  cameUp(spec: BedSpec): void {
    this.#failures.delete(bootKey(spec))
  }

  /** Why a bed is not tried any more. */
  givenUp(spec: BedSpec): string | undefined {
    const { reason, times } = this.#failures.get(bootKey(spec)) ?? { reason: '', times: 0 }
    return times >= SAME_FAILURES ? `not tried again, its bed failed ${times} times: ${reason}` : undefined
  }
}

class Runner {
  readonly #dependencies: RunnerDependencies
  readonly #options: RunOptions
  readonly #tools: CellTools
  #bed: Bed | undefined
  readonly #brokenBeds = new BrokenBeds()
  readonly #givenUp = new Set<string>()

  constructor(dependencies: RunnerDependencies, options: RunOptions) {
    const { clock, host, workloads } = dependencies
    this.#dependencies = dependencies
    this.#options = options
    this.#tools = { clock, workloads, noise: new NoiseCheck(clock, host, options.strict) }
  }

  async run(): Promise<void> {
    const { plan, seed, signal } = this.#options
    this.#recordUnfit()
    try {
      for (let round = 0; round < plan.rounds.max; round++) {
        const groups = roundOrder(plan.cells, seed, round)
        await this.#runRound(groups, round)
        if (signal.aborted) break
      }
    } finally {
      await this.#dropBed()
    }
    if (signal.aborted) this.#interrupted()
    this.#write({
      type: 'finished',
      at: this.#dependencies.clock.date(),
      detail: `${plan.cells.length} cells`,
    })
  }

  /** What this kind of guests can never do is told once, not tried. */
  #recordUnfit(): void {
    const { plan, history } = this.#options
    for (const cell of plan.cells) {
      if (cell.impossible !== undefined && !history.impossible(cell.id))
        this.#fail(cell, 0, new RingferryError('UNSUPPORTED', cell.impossible))
    }
  }

  async #runRound(groups: readonly (readonly Turn[])[], round: number): Promise<void> {
    const { plan, history, signal } = this.#options
    const pick = pickPrimary(plan, (name) => this.#dependencies.workloads.get(name)?.primary)
    const again: Turn[] = []
    for (const group of groups) {
      const turns = group.filter(
        ({ cell, twin }) =>
          !history.has(cell.id, round, twin) && history.wants(cell, round, plan.rounds, pick),
      )
      again.push(...(await this.#runGroup(turns, round)))
      await this.#dropBed()
      if (signal.aborted) return
    }
    await this.#runAgain(again, round)
  }

  /** The second try of turns that failed, each on a bed of its own; what fails now is recorded. */
  async #runAgain(turns: readonly Turn[], round: number): Promise<void> {
    const { history, signal } = this.#options
    const broken = new Map<string, unknown>()
    for (const turn of turns) {
      const { cell } = turn
      // Of two equal turns that failed, the first may have shown that the cell is impossible.
      if (signal.aborted || history.impossible(cell.id) || this.#giveUp(cell, round)) continue
      const error = broken.get(specKey(cell.bed)) ?? (await this.#attempt(turn, round))
      if (error !== undefined && !this.#bed) broken.set(specKey(cell.bed), error)
      await this.#dropBed()
      if (error !== undefined && !signal.aborted) this.#fail(cell, round, error)
    }
  }

  /** Measures turns that can share a bed. Returns those that failed and may be tried again. */
  async #runGroup(turns: readonly Turn[], round: number): Promise<Turn[]> {
    const { history, observer, signal } = this.#options
    const again: Turn[] = []
    let broken: string | undefined
    for (const turn of turns) {
      const { cell } = turn
      if (signal.aborted) break
      if (history.impossible(cell.id) || this.#giveUp(cell, round)) continue
      if (broken === specKey(cell.bed)) {
        again.push(turn)
        continue
      }
      const error = await this.#attempt(turn, round)
      if (error === undefined || signal.aborted) continue
      // A bed that does not come up would not come up for its other cells either.
      if (!this.#bed) broken = specKey(cell.bed)
      await this.#dropBed()
      if (isImpossible(error)) this.#fail(cell, round, error)
      else {
        observer.note(`${cell.id}: ${reasonOf(error)}; it is tried again at the end of the round`)
        again.push(turn)
      }
    }
    return again
  }

  /** Whether a cell's bed is not tried any more; said and recorded once a cell. */
  #giveUp(cell: Cell, round: number): boolean {
    const reason = this.#brokenBeds.givenUp(cell.bed)
    if (reason === undefined) return false
    if (this.#givenUp.has(cell.id)) return true
    this.#givenUp.add(cell.id)
    this.#fail(cell, round, new Error(reason))
    return true
  }

  /** Measures a turn and writes it. Returns what went wrong. */
  async #attempt(turn: Turn, round: number): Promise<unknown> {
    const { seed, signal, observer } = this.#options
    const { cell, twin } = turn
    observer.begins(turn, round)
    try {
      const bed = await this.#bedFor(cell.bed)
      const run = { bed, cell, round, twin, signal, seed: roundSeed(seed, round) >>> 0 }
      this.#write(await runCell(run, this.#tools))
      return undefined
    } catch (error) {
      return error ?? new Error('unknown failure')
    }
  }

  async #bedFor(spec: BedSpec): Promise<Bed> {
    const { signal, observer } = this.#options
    if (this.#bed && specKey(this.#bed.spec) === specKey(spec)) return this.#bed
    if (this.#bed && (await this.#bed.reshape(spec))) return this.#bed
    await this.#dropBed()
    let bed: Bed
    try {
      bed = await this.#dependencies.buildBed(spec, { signal, progress: (text) => observer.note(text) })
    } catch (error) {
      this.#brokenBeds.failed(spec, error)
      throw error
    }
    this.#brokenBeds.cameUp(spec)
    bed.failed.catch(() => {})
    this.#bed = bed
    return bed
  }

  async #dropBed(): Promise<void> {
    const bed = this.#bed
    this.#bed = undefined
    await bed?.stop()
  }

  #fail(cell: Cell, round: number, error: unknown): void {
    this.#write({
      ...{ type: 'failure', cell: cell.id, factors: cell.factors, round },
      ...{ at: this.#dependencies.clock.date(), reason: reasonOf(error), impossible: isImpossible(error) },
    })
  }

  #write(record: LabRecord): void {
    const { store, history, observer } = this.#options
    store.append(record)
    history.add(record)
    observer.wrote(record)
  }

  #interrupted(): never {
    const at = this.#dependencies.clock.date()
    this.#write({ type: 'interrupted', at, detail: 'by a signal' })
    throw new RingferryError('INTERRUPTED', 'interrupted; everything was cleaned up')
  }
}

/**
 * Runs what a study still lacks, until every cell is precise enough or has all its rounds, and writes "finished".
 * Rejects with INTERRUPTED when the signal came (beds are stopped, "interrupted" is written), or with what kept a
 * record from being written.
 */
export async function runStudy(dependencies: RunnerDependencies, options: RunOptions): Promise<void> {
  await new Runner(dependencies, options).run()
}
