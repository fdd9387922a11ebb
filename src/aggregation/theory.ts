import { poissonAtMost, poissonCapped, poissonCappedTriangle } from './poisson.js'

/**
 * What a hold does to batch size, delay and CPU. Frames arrive at `rate` (frames per microsecond, Poisson); a batch
 * opens with a frame, and is published after T = `holdUs`, or with its N-th frame (`maxFrames`, may be infinite).
 *
 *       first frame                                    T later: published
 *       |-------x------x----------x--x------------------|......x
 *       0   the others arrive at random                         next batch opens
 *
 * - The number that join within T is Poisson with mean m = rate T, so E[n] = 1 + sum_{k<N} P(Poisson(m) >= k); 1 + m
 *   for a timer alone.
 * - The first frame waits the whole T, the others a uniform part of it. Of all frames 1/(1 + m) waits exactly T, so the
 *   p99 of the hold is T as long as m < 99: the hold time *is* the tail delay, which is why a delay target sets it.
 * - A publication costs c_f, a frame c_p, so the CPU share is rate (c_p + c_f / E[n]). Without a hold a busy core batches by
 *   itself (what arrives during a publication goes with the next): n = rate c_f / (1 - rate c_p). No hold raises capacity
 *   above that; it buys CPU below saturation.
 *
 * The policies take publicationRate and what follows it. meanHoldUs, holdQuantileUs, minBatch, naturalBatch and
 * leastMeanDelayBatches are for a planner of machines, and for tests and benches that hold measurements against them.
 */

/** E[n]: mean frames per publication. */
export function meanBatch(rate: number, holdUs: number, maxFrames = Number.POSITIVE_INFINITY): number {
  return 1 + poissonCapped(rate * holdUs, maxFrames - 1)
}

/** Mean time a frame is held, in microseconds. For a timer alone T (2 + m) / (2 (1 + m)). */
export function meanHoldUs(rate: number, holdUs: number, maxFrames = Number.POSITIVE_INFINITY): number {
  if (rate * holdUs === 0) return maxFrames <= 1 ? 0 : holdUs
  const waited = poissonCappedTriangle(rate * holdUs, maxFrames - 1) / rate
  return waited / meanBatch(rate, holdUs, maxFrames)
}

/** Share of the frames that are held longer than `longerUs`. */
function heldLonger(rate: number, holdUs: number, maxFrames: number, longerUs: number): number {
  const joinLater =
    poissonCapped(rate * holdUs, maxFrames - 2) - poissonCapped(rate * longerUs, maxFrames - 2)
  const first = poissonAtMost(rate * longerUs, maxFrames - 2)
  return (first + joinLater) / meanBatch(rate, holdUs, maxFrames)
}

/** The q-quantile (0.99: p99) of the time a frame is held, in microseconds; T itself while rate T < q / (1 - q) and N is large. */
export function holdQuantileUs(
  rate: number,
  holdUs: number,
  q: number,
  maxFrames = Number.POSITIVE_INFINITY,
): number {
  if (maxFrames <= 1) return 0
  // The step that remains just below T is the share of frames that wait for the timer in full.
  if (heldLonger(rate, holdUs, maxFrames, holdUs) > 1 - q) return holdUs
  let low = 0
  let high = holdUs
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (heldLonger(rate, holdUs, maxFrames, middle) > 1 - q) low = middle
    else high = middle
  }
  return high
}

/** Mean batch that keeps the CPU share of one VM at `share`; infinite when its per-frame cost alone exceeds it. */
export function minBatch(rate: number, publishUs: number, frameUs: number, share: number): number {
  const left = share - rate * frameUs
  return left <= 0 ? Number.POSITIVE_INFINITY : Math.max(1, (rate * publishUs) / left)
}

/** Batch size that a core settles at by itself when it never holds (T = 0); infinite above its capacity. */
export function naturalBatch(rate: number, publishUs: number, frameUs: number): number {
  return minBatch(rate, publishUs, frameUs, 1)
}

/** What one VM asks of the core. */
export interface Load {
  /** Frames per microsecond. */
  readonly rate: number
  /** Bursts per microsecond that there would be without any delay. Equal to `rate` when frames come singly. */
  readonly burstRate: number
  /** Share of the bursts that end a hold at once (0 to 1). */
  readonly urgentShare: number
  /** Cost of a publication and of a frame, in microseconds. */
  readonly publishUs: number
  readonly frameUs: number
}

/**
 * Publications per microsecond at a delay of T. Bursts open batches as frames do above; an urgent burst ends the delay, so
 * the mean delay is (1 - u) E[min(T, Exp(b u))] with b bursts per microsecond of which the share u is urgent.
 */
export function publicationRate({ burstRate, urgentShare }: Load, delayUs: number): number {
  if (burstRate === 0) return 0
  if (urgentShare === 0) return burstRate / (1 + burstRate * delayUs)
  const urgentRate = burstRate * urgentShare
  const untilUrgentUs =
    urgentRate * delayUs < 1e-9 ? delayUs : -Math.expm1(-urgentRate * delayUs) / urgentRate
  return burstRate / (1 + burstRate * (1 - urgentShare) * untilUrgentUs)
}

/** Share of the core that a VM takes at a delay of T. */
export function cpuShare(load: Load, delayUs: number): number {
  return load.rate * load.frameUs + publicationRate(load, delayUs) * load.publishUs
}

/** A load with the longest delay that its target leaves, in microseconds. */
export interface SlackLoad extends Load {
  readonly slackUs: number
}

/** What bounds the rests of a paced thread, and what they save. */
export interface Pacing {
  /** Cost of a sleep that ends and the poll of the rings, in microseconds. */
  readonly wakeUs: number
  /** Longest sleep that the senders' rings have room for, in microseconds. */
  readonly longestRestUs: number
  /** Bursts that must come in a rest: it ends whether any come or not, so with fewer it costs more than it saves. */
  readonly leastBursts: number
}

/** No rests, and wake-ups that cost nothing. */
const UNPACED: Pacing = { wakeUs: 0, longestRestUs: 0, leastBursts: 0 }

/** A shorter rest costs more than it saves. */
export const MIN_REST_US = 10

/**
 * How long the thread may sleep between polls when VM i may be delayed by `delaysUs[i]`. A frame that comes just after a
 * poll waits all of it before anybody knows whom it is for, so the shortest delay decides. Urgent frames cannot end a
 * rest as they end a hold: it shrinks with their share.
 */
export function restFor(
  loads: readonly Load[],
  delaysUs: readonly number[],
  { longestRestUs, leastBursts }: Pacing,
): number {
  let restUs = loads.length === 0 ? 0 : longestRestUs
  let bursts = 0
  for (let i = 0; i < loads.length; i++) {
    const load = loads[i]!
    restUs = Math.min(restUs, delaysUs[i]! * (1 - load.urgentShare))
    bursts += load.burstRate
  }
  return usefulRest(restUs, bursts, leastBursts)
}

/** A rest, or 0 when it costs more than it saves. */
function usefulRest(restUs: number, bursts: number, leastBursts: number): number {
  return restUs < MIN_REST_US || restUs * bursts < leastBursts ? 0 : restUs
}

/**
 * Share of the core that each VM takes when VM i is delayed by `delaysUs[i]` and the thread rests for `restUs` of that.
 * Every burst wakes the thread unless it rests.
 */
export function sharesAt(
  loads: readonly SlackLoad[],
  delaysUs: readonly number[],
  restUs: number,
  { wakeUs }: Pacing,
): number[] {
  let bursts = 0
  for (const { burstRate } of loads) bursts += burstRate
  const perBurstUs = wakeUs / (1 + bursts * restUs)
  return loads.map((load, i) => cpuShare(load, delaysUs[i]!) + perBurstUs * load.burstRate)
}

/** Share of the core that each VM takes when each is delayed by theta of its slack. */
export function scaledShares(loads: readonly SlackLoad[], theta: number, pacing: Pacing = UNPACED): number[] {
  const delaysUs = loads.map(({ slackUs }) => theta * slackUs)
  return sharesAt(loads, delaysUs, restFor(loads, delaysUs, pacing), pacing)
}

/** Share of the core that all VMs take together at theta: the sum of `scaledShares`, without a list of them. */
export function totalShare(loads: readonly SlackLoad[], theta: number, pacing: Pacing = UNPACED): number {
  let restUs = pacing.longestRestUs
  let bursts = 0
  let share = 0
  for (let i = 0; i < loads.length; i++) {
    const load = loads[i]!
    const delayUs = theta * load.slackUs
    restUs = Math.min(restUs, delayUs * (1 - load.urgentShare))
    bursts += load.burstRate
    share += cpuShare(load, delayUs)
  }
  restUs = usefulRest(restUs, bursts, pacing.leastBursts)
  return share + (pacing.wakeUs * bursts) / (1 + bursts * restUs)
}

/** Theta to one part in a hundred thousand of the interval that it lies in. */
const BISECTIONS = 17
/** Intervals of theta, each wider by this, until delays are longer than anybody waits. */
const WIDER = 8
const MOST_SCALING = WIDER ** 6

/**
 * Slack-scaling: the smallest theta at which delays of theta x slack keep all VMs within `share` of the core. 0 when nothing
 * need be delayed, infinite when no delay is enough. Above 1 the targets are infeasible within the share, and theta x slack
 * is what they would have to leave.
 */
export function leastScaling(loads: readonly SlackLoad[], share: number, pacing: Pacing = UNPACED): number {
  if (totalShare(loads, 0, pacing) <= share) return 0
  let low = 0
  let high = 1
  while (totalShare(loads, high, pacing) > share) {
    if (high >= MOST_SCALING) return Number.POSITIVE_INFINITY
    low = high
    high *= WIDER
  }
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2
    if (totalShare(loads, middle, pacing) > share) low = middle
    else high = middle
  }
  return high
}

/**
 * The other rule: batch sizes with the least frame-weighted mean delay within `share` of the core, delay targets aside:
 * n_i = (c_f / R) sqrt(rate_i / w_i) sum_j sqrt(rate_j w_j), R = share - sum rate_j c_p. All infinite when R <= 0.
 * Frames come singly, c_f may differ by VM. Source: Lagrange multiplier on sum w_i n_i / 2 under sum rate_i c_f / n_i = R.
 */
export function leastMeanDelayBatches(
  loads: readonly Load[],
  weights: readonly number[],
  share: number,
): number[] {
  let left = share
  let sum = 0
  loads.forEach(({ rate, publishUs, frameUs }, i) => {
    left -= rate * frameUs
    sum += Math.sqrt(rate * publishUs * weights[i]!)
  })
  return loads.map(({ rate, publishUs }, i) =>
    left <= 0
      ? Number.POSITIVE_INFINITY
      : Math.max(1, (Math.sqrt((rate * publishUs) / weights[i]!) * sum) / left),
  )
}
