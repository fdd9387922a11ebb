/** Answers: what fits, what limits it, and what more of something would change. */
import { type Evaluation, type EvaluationOptions, evaluate } from './evaluate.js'
import { mostVms, type Question } from './question.js'
import { largest, least, leastBetween } from './search.js'

/** What is searched for. */
export const FINDS = ['vms', 'cores', 'target'] as const
export type Find = (typeof FINDS)[number]

/** A change of the machine and what it gives. */
export interface Alternative {
  /** As "one processor more (9)". */
  readonly change: string
  /** VMs that fit then; `isMost`: as many as a switch has ports for. */
  readonly vms: number
  readonly isMost: boolean
}

/** How many VMs fit, and what more of something would change. */
export interface Capacity {
  /** VMs that fit; `isMost`: as many as a switch has ports for. */
  readonly vms: number
  readonly isMost: boolean
  /** The first number of VMs that does not fit. */
  readonly beyond?: Evaluation
  readonly alternatives: readonly Alternative[]
  /** Over the number of VMs, up to somewhat beyond what fits. */
  readonly curve: readonly Evaluation[]
}

export interface Plan {
  readonly question: Question
  readonly find: Find
  /** The VMs that were asked about, on the machine that was asked about. */
  readonly asked: Evaluation
  /** `find: vms`. */
  readonly capacity?: Capacity
  /** `find: cores`: processors that the VMs need; `target`: microseconds. Undefined: nothing that was tried is enough. */
  readonly found?: number
}

export interface PlanOptions {
  readonly find: Find
  readonly seed: number
  readonly plane: WebAssembly.Module
  /** Told before each simulation, in words. */
  readonly onStep?: (what: string) => void
}

/** Replications: while searching, of the curves, of what was asked about. */
const [COARSE, CURVE, FINE] = [2, 4, 6]
const MOST_CORES = 64
const TARGETS_US: readonly [number, number] = [10, 100_000]
const LINE_RATES = [1, 2.5, 10, 25, 40, 100, 200, 400]
const CURVE_POINTS = 6

/** A question asked of several numbers of VMs; each is simulated once. */
class Asked {
  readonly #question: Question
  readonly #options: Omit<EvaluationOptions, 'replications'>
  readonly #onStep: (what: string) => void
  readonly #known = new Map<string, Evaluation>()

  constructor(question: Question, { seed, plane, onStep }: PlanOptions) {
    this.#question = question
    this.#options = { seed, plane }
    this.#onStep = onStep ?? (() => {})
  }

  of(vms: number, replications: number, change: Partial<Question> = {}): Evaluation {
    const key = JSON.stringify([vms, replications, change])
    const known = this.#known.get(key)
    if (known) return known
    const changed = Object.entries(change).map(([name, value]) => `, ${name} ${value}`)
    this.#onStep(`${vms} VMs${changed.join('')}`)
    const made = evaluate({ ...this.#question, ...change }, vms, { ...this.#options, replications })
    this.#known.set(key, made)
    return made
  }

  /** VMs that fit. */
  most(start: number, change: Partial<Question> = {}): number {
    const most = mostVms({ ...this.#question, ...change })
    return largest((vms) => this.of(vms, COARSE, change).fits, most, start)
  }
}

function alternativesOf(question: Question, vms: number, asked: Asked): Alternative[] {
  const { cores, nicGbps, nics, device } = question
  const changes: { readonly change: string; readonly by: Partial<Question> }[] = []
  if (cores < MOST_CORES)
    changes.push({ change: `one processor more (${cores + 1})`, by: { cores: cores + 1 } })
  const faster = LINE_RATES.find((gbps) => gbps > nicGbps)
  if (faster !== undefined) changes.push({ change: `a faster NIC (${faster} Gb/s)`, by: { nicGbps: faster } })
  changes.push({ change: `one NIC more (${nics + 1})`, by: { nics: nics + 1 } })
  if (device !== 'direct')
    changes.push({ change: 'a NIC with functions of its own for VMs (SR-IOV)', by: { device: 'direct' } })
  return changes.map(({ change, by }) => {
    const then = asked.most(Math.max(1, vms), by)
    return { change, vms: then, isMost: then === mostVms({ ...question, ...by }) }
  })
}

/** Numbers of VMs for the curves. */
function curvePoints(question: Question, vms: number): number[] {
  const end = Math.min(mostVms(question), Math.max(2, Math.ceil(Math.max(vms, question.vms) * 1.25)))
  const points = Array.from({ length: CURVE_POINTS }, (_, at) =>
    Math.max(1, Math.round((end * (at + 1)) / CURVE_POINTS)),
  )
  return [...new Set([...points, question.vms])].sort((a, b) => a - b)
}

function capacityOf(question: Question, asked: Asked): Capacity {
  const vms = asked.most(question.vms)
  const isMost = vms === mostVms(question)
  return {
    ...{ vms, isMost },
    ...(isMost ? {} : { beyond: asked.of(vms + 1, COARSE) }),
    alternatives: alternativesOf(question, vms, asked),
    curve: curvePoints(question, vms).map((point) => asked.of(point, point === question.vms ? FINE : CURVE)),
  }
}

/** Throws CONFIG for a machine that cannot be. */
export function plan(question: Question, options: PlanOptions): Plan {
  const asked = new Asked(question, options)
  const { find } = options
  const fits = (change: Partial<Question>): boolean => asked.of(question.vms, COARSE, change).fits
  let found: number | undefined
  if (find === 'cores') found = least((cores) => fits({ cores }), MOST_CORES, question.cores)
  if (find === 'target') found = leastBetween((targetUs) => fits({ targetUs }), TARGETS_US)
  return {
    ...{ question, find, asked: asked.of(question.vms, FINE) },
    ...(find === 'vms' ? { capacity: capacityOf(question, asked) } : {}),
    ...(found === undefined ? {} : { found }),
  }
}
