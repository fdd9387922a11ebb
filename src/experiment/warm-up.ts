/** How long a model warms up: found by a run of its own, from what reaches programs step by step. */

import { createPolicy } from '../aggregation/create.js'
import { RingferryError } from '../errors/errors.js'
import type { Model } from '../sim/model.js'
import { payloadSeries, type RunOptions } from '../sim/run.js'
import { warmUpLength } from '../stats/mser.js'

/** Steps that a run is looked at in: as many means of five as the rule needs to find an end. */
const STEPS = 500
/** A model that has not settled after its measured time is looked at for longer, so often. */
const DOUBLINGS = 3
/** Never less, in milliseconds; under a policy that measures so much that its decisions, ten a second, have settled. */
const LEAST_MS = 20
const LEAST_MEASURING_MS = 300

/** The warm-up of a model in milliseconds. Throws USAGE when it does not settle. */
export function findWarmUpMs(model: Model, options: RunOptions): number {
  const leastMs = createPolicy(model.policy).limits ? LEAST_MS : LEAST_MEASURING_MS
  let measureMs = model.measureMs
  for (let times = 0; times <= DOUBLINGS; times++, measureMs *= 2) {
    const stepMs = measureMs / STEPS
    const cut = warmUpLength(payloadSeries({ ...model, warmUpMs: 0, measureMs }, options, stepMs))
    if (cut !== undefined) return Math.max(leastMs, Math.ceil(cut * stepMs))
  }
  throw new RingferryError(
    'USAGE',
    `${model.name}: throughput has not settled after ${Math.round(measureMs / 2)} ms; raise measureMs, or set warmUpMs`,
  )
}
