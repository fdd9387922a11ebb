/** How long a model warms up: found by a run of its own, from what reaches programs step by step. */

import { RingferryError } from '../errors/errors.js'
import type { Model } from '../sim/model.js'
import { payloadSeries, type RunOptions } from '../sim/run.js'
import { warmUpLength } from '../stats/mser.js'

/** Steps that a run is looked at in: as many means of five as the rule needs to find an end. */
const STEPS = 500
/** A model that has not settled after its measured time is looked at for longer, so often. */
const DOUBLINGS = 3
/** Never less, in milliseconds: the controller's first decisions come within it. */
const LEAST_MS = 20

/** The warm-up of a model in milliseconds. Throws USAGE when it does not settle. */
export function findWarmUpMs(model: Model, options: RunOptions): number {
  let measureMs = model.measureMs
  for (let times = 0; times <= DOUBLINGS; times++, measureMs *= 2) {
    const stepMs = measureMs / STEPS
    const cut = warmUpLength(payloadSeries({ ...model, warmUpMs: 0, measureMs }, options, stepMs))
    if (cut !== undefined) return Math.max(LEAST_MS, Math.ceil(cut * stepMs))
  }
  throw new RingferryError(
    'USAGE',
    `${model.name}: throughput has not settled after ${Math.round(measureMs / 2)} ms; raise measureMs, or set warmUpMs`,
  )
}
