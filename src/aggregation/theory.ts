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
 * - A flush costs c_f, a frame c_p, so the CPU share is rate (c_p + c_f / E[n]). Without a hold a busy core batches by
 *   itself (what arrives during a flush goes with the next): n = rate c_f / (1 - rate c_p). No hold raises capacity
 *   above that; it buys CPU below saturation.
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
export function minBatch(rate: number, flushUs: number, frameUs: number, share: number): number {
  const left = share - rate * frameUs
  return left <= 0 ? Number.POSITIVE_INFINITY : Math.max(1, (rate * flushUs) / left)
}

/** Batch size that a core settles at by itself when it never holds (T = 0); infinite above its capacity. */
export function naturalBatch(rate: number, flushUs: number, frameUs: number): number {
  return minBatch(rate, flushUs, frameUs, 1)
}

/** What one VM asks of the core. */
export interface Load {
  /** Frames per microsecond. */
  readonly rate: number
  /** Bursts per microsecond: polls that found frames. Equal to `rate` when frames come singly. */
  readonly burstRate: number
  /** Share of the bursts that end a hold at once (0 to 1). */
  readonly urgentShare: number
  /** Cost of a flush and of a frame, in microseconds. */
  readonly flushUs: number
  readonly frameUs: number
}

/**
 * Flushes per microsecond at a hold of T. Bursts open batches as frames do above; an urgent burst ends the hold, so
 * the mean hold is (1 - u) E[min(T, Exp(b u))] with b bursts per microsecond of which the share u is urgent.
 */
export function flushRate({ burstRate, urgentShare }: Load, holdUs: number): number {
  if (burstRate === 0) return 0
  const urgentRate = burstRate * urgentShare
  const untilUrgentUs = urgentRate * holdUs < 1e-9 ? holdUs : -Math.expm1(-urgentRate * holdUs) / urgentRate
  return burstRate / (1 + burstRate * (1 - urgentShare) * untilUrgentUs)
}

/** Share of the core that a VM takes at a hold of T. */
export function cpuShare(load: Load, holdUs: number): number {
  return load.rate * load.frameUs + flushRate(load, holdUs) * load.flushUs
}

/** A load with the longest hold that its delay target leaves, in microseconds. */
export interface SlackLoad extends Load {
  readonly slackUs: number
}

/** Share of the core that all VMs take when each holds theta of its slack. */
export function totalShare(loads: readonly SlackLoad[], theta: number): number {
  let sum = 0
  for (const load of loads) sum += cpuShare(load, theta * load.slackUs)
  return sum
}

/**
 * Slack-scaling: the smallest theta in [0, 1] at which holds of theta x slack keep all VMs within `share` of the core.
 * 0 when nothing need be held; 1 also when even that is not enough (compare `totalShare(loads, 1)`).
 */
export function slackScaling(loads: readonly SlackLoad[], share: number): number {
  if (totalShare(loads, 0) <= share) return 0
  if (totalShare(loads, 1) > share) return 1
  let low = 0
  let high = 1
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    if (totalShare(loads, middle) > share) low = middle
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
  loads.forEach(({ rate, flushUs, frameUs }, i) => {
    left -= rate * frameUs
    sum += Math.sqrt(rate * flushUs * weights[i]!)
  })
  return loads.map(({ rate, flushUs }, i) =>
    left <= 0
      ? Number.POSITIVE_INFINITY
      : Math.max(1, (Math.sqrt((rate * flushUs) / weights[i]!) * sum) / left),
  )
}
