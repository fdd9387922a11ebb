/** A generator on an embedded VM, a meter on each embedded one that it sends to, and what all have counted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { histogramMean, merge, newCounts } from '../../core/histogram.js'
import type { EmbeddedWorker, GeneratorRole } from '../../embedded/worker.js'
import type { BedVm } from '../bed/bed.js'

/** The generator polls its rings this long before it sleeps; the meter sleeps at once, as a guest's driver does. */
/** How long a generator polls before it sleeps, in microseconds. */
export const GENERATOR_SPIN_US = 50
const POLL_MS = 2
/** Frames that have not come this long after the last one will not come. */
const SETTLED_MS = 40
const SETTLE_LIMIT_MS = 2_000

/** Frames and bytes since the start, or between two readings. */
export interface PairCount {
  readonly sent: number
  readonly sentBytes: number
  readonly received: number
  readonly receivedBytes: number
  /** Due frames for which the switch made no room in the sender's ring, and those for which the generator came too late. */
  readonly refused: number
  readonly late: number
  /** Missing numbers between received ones. */
  readonly gaps: number
  readonly reordered: number
  readonly duplicated: number
}

/** What was counted from one reading to the next. */
export function countBetween(before: PairCount, after: PairCount): PairCount {
  const names = Object.keys(after) as (keyof PairCount)[]
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as PairCount
}

/** Share of the due frames for which the generator came too late. */
export function lateRatio({ sent, refused, late }: PairCount): number {
  return late === 0 ? 0 : late / (sent + refused + late)
}

export class FramePair {
  readonly generator: EmbeddedWorker
  /** Of each embedded receiver, in their order. */
  readonly meters: readonly EmbeddedWorker[]

  private constructor(generator: EmbeddedWorker, meters: readonly EmbeddedWorker[]) {
    this.generator = generator
    this.meters = meters
  }

  /**
   * The meters first, so that nothing is sent to nobody. The generator starts paused.
   * @param receivers each gets a frame in turn; those that are not embedded have to count for themselves
   */
  static async start(
    sender: BedVm,
    receivers: readonly BedVm[],
    role: Omit<GeneratorRole, 'kind' | 'to'>,
  ): Promise<FramePair> {
    const meters: EmbeddedWorker[] = []
    try {
      for (const receiver of receivers)
        if (receiver.kind === 'embedded') meters.push(await receiver.embed({ kind: 'meter' }, { spinUs: 0 }))
      const to = receivers.map(({ macs }) => macs[0] as string)
      const generator = await sender.embed({ kind: 'generator', to, ...role }, { spinUs: GENERATOR_SPIN_US })
      return new FramePair(generator, meters)
    } catch (error) {
      await Promise.all(meters.map((meter) => meter.stop()))
      throw error
    }
  }

  /** Throws what ended one of the two, if one ended by itself. */
  check(): void {
    const failure = [this.generator, ...this.meters].find((worker) => worker.failure)?.failure
    if (failure) throw failure
  }

  count(): PairCount {
    const { txFrames, txBytes, refused, late } = this.generator.counters()
    const counters = this.meters.map((meter) => meter.counters())
    const sum = (name: keyof (typeof counters)[number]): number =>
      counters.reduce((all, each) => all + each[name], 0)
    return {
      ...{ sent: txFrames, sentBytes: txBytes },
      ...{ received: sum('rxFrames') - sum('others'), receivedBytes: sum('rxBytes') },
      ...{ refused, late, gaps: sum('lost'), reordered: sum('reordered'), duplicated: sum('duplicated') },
    }
  }

  /** Starts a window: `delays` counts from here on. */
  resetWindow(): void {
    for (const meter of this.meters) meter.resetWindow()
  }

  /** One-way delays of all receivers since resetWindow: their histogram, how many, mean and largest in us. */
  delays(): {
    readonly counts: Uint32Array
    readonly count: number
    readonly meanUs: number
    readonly maxUs: number
  } {
    const counts = newCounts()
    const each = this.meters.map((meter) => meter.delays()).filter(({ count }) => count > 0)
    for (const one of each) merge(counts, one.counts)
    const count = each.reduce((sum, one) => sum + one.count, 0)
    const maxUs = Math.max(...each.map((one) => one.maxUs))
    return { counts, count, meanUs: histogramMean(counts), maxUs }
  }

  /** When the first frame after the last gap was meant to leave, on the host's clock in us. */
  lastGapUs(): number {
    return Math.max(...this.meters.map((meter) => meter.counters().lastGapUs))
  }

  /** Waits until the generator obeys a rate. Returns since when, on the host's clock in us. Rejects on abort. */
  async obeyed(rateFps: number, signal: AbortSignal): Promise<number> {
    while (this.generator.generatorState().rateFps !== rateFps) {
      this.check()
      await sleep(POLL_MS, undefined, { signal })
    }
    return this.generator.generatorState().sinceUs
  }

  /** Pauses the generator and waits until what is under way has arrived or is lost. Returns when it paused. */
  async settle(signal: AbortSignal): Promise<number> {
    this.generator.setRate(0)
    const pausedUs = await this.obeyed(0, signal)
    const limitMs = performance.now() + SETTLE_LIMIT_MS
    let { sent, received } = this.count()
    let changedMs = performance.now()
    while (received < sent && performance.now() < Math.min(limitMs, changedMs + SETTLED_MS)) {
      await sleep(POLL_MS, undefined, { signal })
      const now = this.count()
      if (now.received !== received) changedMs = performance.now()
      received = now.received
      sent = now.sent
    }
    this.check()
    return pausedUs
  }

  async stop(): Promise<void> {
    await Promise.all([this.generator, ...this.meters].map((worker) => worker.stop()))
  }
}
