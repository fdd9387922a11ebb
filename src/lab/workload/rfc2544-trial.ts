/** Trials on a device under test: a rate or a burst for a while, and what became of its frames. */
import { setTimeout as sleep } from 'node:timers/promises'
import { histogramQuantile } from '../../core/histogram.js'
import { hostNowUs } from '../../embedded/clock.js'
import { lostIn, quantileWithLoss } from './delays.js'
import { countBetween, type FramePair, lateRatio, type PairCount } from './frame-pair.js'
import type { BurstResult, BurstSearch, RateSearch, SearchResult, Trial } from './rfc2544-search.js'

/** Above this share of late frames a trial did not offer its rate. */
const LATE_LIMIT = 0.01
const POLL_MS = 2
/** A device has recovered when it lost nothing for so long. */
const QUIET_US = 100_000
const RECOVERY_LIMIT_US = 5_000_000

export interface RateTrial extends Trial {
  readonly count: PairCount
  /** Time at the rate, on the generator's clock. */
  readonly seconds: number
  /** Frames sent a second. */
  readonly sentFps: number
  /** Of all frames offered, the lost ones late for ever; NaN when none was. */
  readonly p50Us: number
  readonly p99Us: number
}

export interface Recovery {
  /** Whether the device lost frames under the overload; without that there is nothing to recover from. */
  readonly overloaded: boolean
  /** From the lower rate on to the last loss. Undefined: no overload, or it went on losing. */
  readonly recoveryMs: number | undefined
}

/** Share of the offered frames that did not arrive; a frame for which there was no room was offered. */
export function trialLoss({ sent, refused, received }: PairCount): number {
  const offered = sent + refused
  return offered === 0 ? 0 : Math.max(0, offered - received) / offered
}

export class TrialBench {
  readonly #pair: FramePair
  readonly #signal: AbortSignal
  /** Trials so far. */
  trials = 0

  /** @param signal ends a trial: it rejects */
  constructor(pair: FramePair, signal: AbortSignal) {
    this.#pair = pair
    this.#signal = signal
  }

  /** Offers a rate for some seconds; Infinity is as fast as the device takes frames. */
  async rate(rateFps: number, seconds: number): Promise<RateTrial> {
    const pair = this.#pair
    this.trials++
    const before = pair.count()
    pair.resetWindow()
    pair.generator.setRate(rateFps)
    const sinceUs = await pair.obeyed(rateFps, this.#signal)
    await sleep(seconds * 1000, undefined, { signal: this.#signal })
    const pausedUs = await pair.settle(this.#signal)
    const count = countBetween(before, pair.count())
    const { counts } = pair.delays()
    const took = (pausedUs - sinceUs) / 1e6
    const lossRatio = trialLoss(count)
    const lost = lostIn({ warmUpS: 0, measureS: seconds }, count.sent)
    const at = (q: number): number =>
      quantileWithLoss((share) => histogramQuantile(counts, share), q, lossRatio, lost.us)
    return {
      ...{ count, seconds: took, sentFps: count.sent / took, p50Us: at(0.5), p99Us: at(0.99) },
      lossRatio,
      generatorLimited: lateRatio(count) > LATE_LIMIT,
    }
  }

  /** Sends so many frames as fast as the device takes them. Returns how many did not arrive. */
  async burst(frames: number): Promise<number> {
    const pair = this.#pair
    this.trials++
    const before = pair.count()
    pair.generator.setRate(Number.POSITIVE_INFINITY, frames)
    while (pair.count().sent - before.sent < frames) {
      pair.check()
      await sleep(POLL_MS, undefined, { signal: this.#signal })
    }
    await pair.settle(this.#signal)
    const { sent, received } = countBetween(before, pair.count())
    return sent - received
  }

  /** Overloads the device for some seconds, lowers the rate, and finds when it stops losing. RFC 2544, 26.5. */
  async recovery(overFps: number, thenFps: number, seconds: number, lossRatio: number): Promise<Recovery> {
    const pair = this.#pair
    this.trials++
    const before = pair.count()
    pair.generator.setRate(overFps)
    await sleep(seconds * 1000, undefined, { signal: this.#signal })
    const { sent, refused, gaps } = countBetween(before, pair.count())
    pair.generator.setRate(thenFps)
    const loweredUs = await pair.obeyed(thenFps, this.#signal)
    const lastLossUs = await this.#lastLoss(loweredUs)
    await pair.settle(this.#signal)
    const overloaded = refused + gaps > lossRatio * (sent + refused)
    const recovered = overloaded && lastLossUs !== undefined
    return { overloaded, recoveryMs: recovered ? (lastLossUs - loweredUs) / 1000 : undefined }
  }

  /** When the last frame was lost after a time, both on the host's clock; that time itself when none was. */
  async #lastLoss(fromUs: number): Promise<number | undefined> {
    const pair = this.#pair
    let { refused } = pair.count()
    let lastUs = fromUs
    for (let now = fromUs; now - lastUs < QUIET_US; now = hostNowUs()) {
      if (now - fromUs > RECOVERY_LIMIT_US) return undefined
      pair.check()
      await sleep(POLL_MS, undefined, { signal: this.#signal })
      lastUs = Math.max(lastUs, pair.lastGapUs())
      const count = pair.count()
      if (count.refused > refused) lastUs = hostNowUs()
      refused = count.refused
    }
    return lastUs
  }

  /** Runs a search to its end. */
  async search(search: RateSearch, seconds: number): Promise<SearchResult> {
    let step = search.next()
    while (!step.done) step = search.next(await this.rate(step.value, seconds))
    return step.value
  }

  async searchBurst(search: BurstSearch): Promise<BurstResult> {
    let step = search.next()
    while (!step.done) step = search.next(await this.burst(step.value))
    return step.value
  }
}
