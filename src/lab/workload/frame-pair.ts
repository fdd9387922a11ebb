/** A generator and a meter on two embedded VMs, and what both have counted. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddedWorker, GeneratorRole } from '../../embedded/worker.js'
import type { BedVm } from '../bed/bed.js'

/** The generator polls its rings this long before it sleeps; the meter sleeps at once, as a guest's driver does. */
const GENERATOR_SPIN_US = 50
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
  readonly meter: EmbeddedWorker

  private constructor(generator: EmbeddedWorker, meter: EmbeddedWorker) {
    this.generator = generator
    this.meter = meter
  }

  /** The meter first, so that nothing is sent to nobody. The generator starts paused. */
  static async start(
    sender: BedVm,
    receiver: BedVm,
    role: Omit<GeneratorRole, 'kind' | 'to'>,
  ): Promise<FramePair> {
    const meter = await receiver.embed({ kind: 'meter' }, { spinUs: 0 })
    try {
      const to = receiver.macs[0] as string
      const generator = await sender.embed({ kind: 'generator', to, ...role }, { spinUs: GENERATOR_SPIN_US })
      return new FramePair(generator, meter)
    } catch (error) {
      await meter.stop()
      throw error
    }
  }

  /** Throws what ended one of the two, if one ended by itself. */
  check(): void {
    const failure = this.generator.failure ?? this.meter.failure
    if (failure) throw failure
  }

  count(): PairCount {
    const { txFrames, txBytes, refused, late } = this.generator.counters()
    const { rxFrames, rxBytes, others, lost, reordered, duplicated } = this.meter.counters()
    return {
      ...{ sent: txFrames, sentBytes: txBytes, received: rxFrames - others, receivedBytes: rxBytes },
      ...{ refused, late, gaps: lost, reordered, duplicated },
    }
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
    await Promise.all([this.generator.stop(), this.meter.stop()])
  }
}
