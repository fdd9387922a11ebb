/** Runs a model once. */
import { RingferryError } from '../errors/errors.js'
import { checkModel } from './check.js'
import { Machine } from './machine.js'
import { Measurement } from './measurement.js'
import type { Model } from './model.js'
import type { Tracer } from './processors.js'
import type { Results } from './results.js'
import type { Tap } from './tap.js'

const NS_PER_MS = 1e6
/** Seconds of modelled time beyond which integers are not exact. */
const LONGEST_MS = 1e9

/** What a run needs beside its model. */
export interface RunOptions {
  /** A whole number from 0; the same model and seed give the same results, bit by bit. */
  readonly seed: number
  /** Compiled from plane.wasm: its rules decide here, too. */
  readonly plane: WebAssembly.Module
  readonly tracer?: Tracer | undefined
  readonly tap?: Tap | undefined
}

function begin(model: Model, { seed, plane, tracer, tap }: RunOptions): Machine {
  checkModel(model)
  if (model.warmUpMs + model.measureMs > LONGEST_MS)
    throw new RingferryError('CONFIG', `measureMs: at most ${LONGEST_MS} ms of modelled time`)
  const machine = new Machine(model, seed, plane, tap)
  machine.processors.tracer = tracer
  machine.start()
  return machine
}

/**
 * Payload bytes that reached programs in each step of so many milliseconds, from the very start: for whoever wants to know
 * how long a model warms up. Throws as runModel.
 */
export function payloadSeries(model: Model, options: RunOptions, stepMs: number): Float64Array {
  const machine = begin(model, options)
  const steps = Math.floor((model.warmUpMs + model.measureMs) / stepMs)
  let before = 0
  return Float64Array.from({ length: steps }, (_, step) => {
    machine.events.run((step + 1) * stepMs * NS_PER_MS)
    const bytes = machine.programs.reduce((sum, { tally }) => sum + tally.payloadBytes, 0)
    const got = bytes - before
    before = bytes
    return got
  })
}

/**
 * Runs a model: warm-up, then the measured time. Throws CONFIG for a model that cannot be and USAGE for one that never ends.
 */
export function runModel(model: Model, options: RunOptions): Results {
  const machine = begin(model, options)
  machine.events.run(model.warmUpMs * NS_PER_MS)
  const measurement = new Measurement(machine)
  machine.events.run((model.warmUpMs + model.measureMs) * NS_PER_MS)
  return measurement.results(options.seed)
}
