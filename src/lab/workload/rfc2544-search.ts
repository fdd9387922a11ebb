/**
 * Searches for the limit of a device under test, as pure step functions: they yield what to try and are told how
 * it went, so that modelled devices test them.
 *
 *    0 ---------- low ====== ? ====== high ------------> offered
 *              passed       next     failed
 *
 * The next trial is in the middle. On a shared machine a trial may lose frames although the device could take
 * them all, so a failed trial is repeated, and a rate fails only when all its trials fail (binary search with loss
 * verification, after ETSI GS NFV-TST 009, 12.3.3). A device that loses by chance with probability p in a trial
 * fails such a rate with probability p^(1 + repeats) only; one that is overloaded fails all the same.
 * What the generator could not offer decides nothing about the device: the search goes below, and says that the
 * generator was its limit.
 */

export interface Trial {
  /** Lost frames over offered frames; what the generator did not offer is in neither. */
  readonly lossRatio: number
  /** Whether the generator fell short of the rate that was asked for. */
  readonly generatorLimited: boolean
}

export interface SearchGoal {
  /** The rates to search in, frames/s. When `minFps` fails, the result is 0. */
  readonly minFps: number
  readonly maxFps: number
  /** Largest share of frames that a passed trial may lose. */
  readonly lossRatio: number
  /** Ends when low and high differ by at most this share of high. */
  readonly resolution: number
  /** How often a failed trial is tried again. */
  readonly repeats: number
}

export interface SearchResult {
  /** Highest rate that passed, frames/s; 0 when none did. */
  readonly rateFps: number
  /** Lowest rate that did not pass. Undefined when the largest of the search passed. */
  readonly failedFps: number | undefined
  /** What stood above `rateFps`: losses of the device, the generator's own limit, or the end of the search. */
  readonly limit: 'device' | 'generator' | 'range'
  readonly trials: number
}

/** A search under way: yields rates in frames/s, is resumed with their trials, returns the result. */
export type RateSearch = Generator<number, SearchResult, Trial>

type Verdict = 'passed' | 'device' | 'generator'

function judge(trial: Trial, goal: SearchGoal): Verdict {
  if (trial.lossRatio > goal.lossRatio) return 'device'
  return trial.generatorLimited ? 'generator' : 'passed'
}

/** Searches the highest rate at which the loss is within the goal. The largest rate is tried first. */
export function* searchRate(goal: SearchGoal): RateSearch {
  let trials = 0
  function* attempt(rateFps: number): Generator<number, Verdict, Trial> {
    let verdict: Verdict = 'device'
    for (let i = 0; i <= goal.repeats && verdict !== 'passed'; i++) {
      trials++
      verdict = judge(yield rateFps, goal)
    }
    return verdict
  }
  const first = yield* attempt(goal.maxFps)
  if (first === 'passed') return { rateFps: goal.maxFps, failedFps: undefined, limit: 'range', trials }
  let low = 0
  let high = goal.maxFps
  let limit: SearchResult['limit'] = first
  while (high - low > goal.resolution * high && high > goal.minFps) {
    const rate = Math.max(goal.minFps, (low + high) / 2)
    const verdict = yield* attempt(rate)
    if (verdict === 'passed') low = rate
    else {
      high = rate
      limit = verdict
    }
  }
  return { rateFps: low, failedFps: high, limit, trials }
}

export interface BurstGoal {
  /** Largest burst to try, frames. */
  readonly maxFrames: number
  /** Ends when low and high differ by at most this share of high, or one frame. */
  readonly resolution: number
  readonly repeats: number
}

/** A search for the longest burst: yields frames, is resumed with the number that was lost. */
export type BurstSearch = Generator<number, BurstResult, number>

export interface BurstResult {
  /** Longest burst without loss, frames; 0 when one frame is lost already. */
  readonly frames: number
  /** Whether the longest burst of the search passed: the device's own limit lies above. */
  readonly atLeast: boolean
  readonly trials: number
}

/** Searches the longest burst without loss, doubling from one frame, then halving the distance. */
export function* searchBurst(goal: BurstGoal): BurstSearch {
  let trials = 0
  function* attempt(frames: number): Generator<number, boolean, number> {
    for (let i = 0; i <= goal.repeats; i++) {
      trials++
      if ((yield frames) === 0) return true
    }
    return false
  }
  let low = 0
  let high = 1
  while (yield* attempt(high)) {
    low = high
    if (high >= goal.maxFrames) return { frames: low, atLeast: true, trials }
    high = Math.min(goal.maxFrames, high * 2)
  }
  while (high - low > Math.max(1, goal.resolution * high)) {
    const middle = Math.floor((low + high) / 2)
    if (yield* attempt(middle)) low = middle
    else high = middle
  }
  return { frames: low, atLeast: false, trials }
}
