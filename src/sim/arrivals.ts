/** When the next frame of an open-loop source comes. */
import { RingferryError } from '../errors/errors.js'
import type { Arrivals } from './model.js'
import type { Stream } from './streams.js'

/** The time from one frame to the next, in nanoseconds. */
export type NextNs = () => number

/** @param rateFps mean rate, in frames a second */
export function nextArrival(arrivals: Arrivals, rateFps: number, stream: Stream): NextNs {
  const meanNs = 1e9 / rateFps
  switch (arrivals.kind) {
    case 'constant':
      return () => meanNs
    case 'poisson':
      return () => stream.exponential(meanNs)
    case 'trains':
      return trains(arrivals.frames, () => stream.exponential(meanNs * arrivals.frames))
    case 'bursts':
      return trains(arrivals.frames, () => meanNs * arrivals.frames)
    case 'on-off':
      return onOff(arrivals, meanNs, stream)
    case 'mmpp':
      return modulated(arrivals.states, meanNs, stream)
    case 'trace':
      return replay(arrivals.atUs)
  }
}

function trains(frames: number, toNextNs: NextNs): NextNs {
  let left = 0
  return () => {
    if (left > 0) {
      left--
      return 0
    }
    left = frames - 1
    return toNextNs()
  }
}

/** Exponential stays; while on, Poisson at the rate that keeps the mean. */
function onOff(
  { onUs, offUs }: { readonly onUs: number; readonly offUs: number },
  meanNs: number,
  stream: Stream,
): NextNs {
  const whileOnNs = (meanNs * onUs) / (onUs + offUs)
  let onLeftNs = stream.exponential(onUs * 1000)
  return () => {
    let passedNs = 0
    for (;;) {
      const nextNs = stream.exponential(whileOnNs)
      if (nextNs <= onLeftNs) {
        onLeftNs -= nextNs
        return passedNs + nextNs
      }
      // What was drawn beyond the stay is drawn anew: it has no memory.
      passedNs += onLeftNs + stream.exponential(offUs * 1000)
      onLeftNs = stream.exponential(onUs * 1000)
    }
  }
}

/** A Markov-modulated Poisson process whose states follow each other in a circle. */
function modulated(
  states: readonly { readonly factor: number; readonly meanUs: number }[],
  meanNs: number,
  stream: Stream,
): NextNs {
  const totalUs = states.reduce((sum, { meanUs }) => sum + meanUs, 0)
  const meanFactor = states.reduce((sum, { factor, meanUs }) => sum + (factor * meanUs) / totalUs, 0)
  let at = 0
  let leftNs = stream.exponential(states[0]!.meanUs * 1000)
  return () => {
    let passedNs = 0
    for (;;) {
      const factor = states[at]!.factor / meanFactor
      const nextNs = factor > 0 ? stream.exponential(meanNs / factor) : Number.POSITIVE_INFINITY
      if (nextNs <= leftNs) {
        leftNs -= nextNs
        return passedNs + nextNs
      }
      passedNs += leftNs
      at = (at + 1) % states.length
      leftNs = stream.exponential(states[at]!.meanUs * 1000)
    }
  }
}

function replay(atUs: ArrayLike<number>): NextNs {
  if (atUs.length < 2) throw new RingferryError('CONFIG', 'a trace has fewer than two frames')
  let at = 0
  // Between the last frame and the first one again: the mean gap.
  const aroundNs = ((atUs[atUs.length - 1]! - atUs[0]!) * 1000) / (atUs.length - 1)
  return () => {
    const from = at
    at = (at + 1) % atUs.length
    return at === 0 ? aroundNs : Math.max(0, (atUs[at]! - atUs[from]!) * 1000)
  }
}
