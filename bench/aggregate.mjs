// Aggregation policies against each other: per-packet, natural, fixed (a grid of settings), dim and adaptive. All
// take turns on one running switch, with the same guests attached. Parts:
//
//   matrix     64-byte frames to 1, 2, 4, 8 embedded guests at parts of the natural capacity, and at full speed
//   response   round trips between embedded guests, alone and beside bulk load
//   flood      eight VMs of which one floods: what the others lose, with and without the scheduler
//   step       a step, a ramp, bursts and rest: what the adaptive controller does over time
//   kernel     64-byte frames into a real guest kernel on the switch's own processor
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reportFlood, runFlood } from './aggregate/flood.mjs'
import { reportKernel, runKernel } from './aggregate/kernel.mjs'
import { compareMatrix, comparePrediction, reportMatrix, runMatrix } from './aggregate/matrix.mjs'
import { reportResponse, runResponse } from './aggregate/response.mjs'
import { drawStep, reportStep, runStep } from './aggregate/step.mjs'
import { runBench } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { choosePolicies } from './lib/policies.mjs'
import { header, progressEnd, save } from './lib/report.mjs'

const options = readOptions('aggregate', 'aggregation policies against each other', {
  parts: { default: 'matrix,response,flood,step,kernel', help: 'which parts' },
  policies: { default: 'natural,per-packet,fixed,dim,adaptive', help: 'which policies' },
  vms: { default: undefined, help: 'numbers of VMs of the matrix (default 1,2,4,8; quick 1,4)' },
  loads: {
    default: undefined,
    help: 'parts of the natural capacity (default 0.1,0.5,1); full speed is always added',
  },
  holds: { default: undefined, help: 'fixed: hold times in us (default 20,50,100,200,400; quick 50,200)' },
  frames: { default: undefined, help: 'fixed: frames that end a batch (default 16,64,256; quick 64)' },
  budgets: {
    default: undefined,
    help: "adaptive: shares of the engine's core (default 0.8,0.4,0.2; quick 0.8,0.3)",
  },
  target: { default: '500', help: 'p99 delay target of every VM in us' },
  spin: { default: '20', help: 'spin bound of the engine in us' },
  receivers: {
    default: 'threads',
    help: "matrix: every receiver in a thread of its own (threads), all in the generator's (one), or all in one thread on the switch's processor (beside)",
  },
  calls: {
    default: 'suppressed',
    help: 'matrix, receivers beside: suppressed, or always: a call at every publication',
  },
  rounds: { default: undefined, help: 'rounds, each with every policy (default 5; quick 2)' },
  decide: {
    default: 'beside',
    help: 'matrix: decisions in a thread beside the engine (beside), or in its own (here)',
  },
  engine: {
    default: '{"schedule":false}',
    help: 'flood: further engine options as JSON, run as a second variant; "" for none',
  },
  pictures: { default: undefined, help: 'step: folder for its charts (SVG)' },
})
const { quick } = options
const policies = choosePolicies({
  names: options.policies.split(','),
  holds: numbers(options.holds ?? (quick ? '50,200' : '20,50,100,200,400')),
  frames: numbers(options.frames ?? (quick ? '64' : '16,64,256')),
  budgets: numbers(options.budgets ?? (quick ? '0.8,0.3' : '0.8,0.4,0.2')),
})
const settings = {
  policies,
  vmCounts: numbers(options.vms ?? (quick ? '1,4' : '1,2,4,8')),
  loads: [...numbers(options.loads ?? '0.1,0.5,1'), Number.POSITIVE_INFINITY],
  rounds: Number(options.rounds ?? (quick ? 2 : 5)),
  ms: Number(options.seconds ?? (quick ? 0.4 : 1)) * 1000,
  targetUs: Number(options.target),
  spinUs: Number(options.spin),
  receivers: options.receivers,
  always: options.calls === 'always',
  decides: options.decide === 'here',
  engine: options.engine ? JSON.parse(options.engine) : undefined,
}
const PARTS = {
  async matrix() {
    const raw = await runMatrix(settings)
    progressEnd()
    const summary = reportMatrix(raw)
    const comparisons = compareMatrix(raw, summary)
    return { ...raw, summary, comparisons, predictions: comparePrediction(raw) }
  },
  async response() {
    const runs = await runResponse(settings)
    progressEnd()
    return { runs, summary: reportResponse(runs) }
  },
  async flood() {
    const runs = await runFlood(settings)
    progressEnd()
    return { runs, summary: reportFlood(runs, settings) }
  },
  async step() {
    const runs = await runStep(settings)
    progressEnd()
    return { runs, summary: reportStep(runs), pictures: drawStep(runs, options.pictures) }
  },
  async kernel() {
    const raw = await runKernel(settings)
    progressEnd()
    return { ...raw, summary: reportKernel(raw) }
  },
}

await runBench(async () => {
  const { targetUs, spinUs, rounds, ms } = settings
  const machine = header('Aggregation policies', {
    targetUs,
    spinUs,
    rounds,
    windowMs: ms,
    policies: policies.length,
  })
  const results = { bench: 'aggregate', machine, settings }
  const folder = fileURLToPath(new URL('./results/', import.meta.url))
  const file = options.json ?? join(folder, `aggregate-${machine.date.replaceAll(':', '-')}.json`)
  for (const part of options.parts.split(',')) {
    if (!(part in PARTS))
      throw new Error(`part ${part} is unknown; choose from ${Object.keys(PARTS).join(', ')}`)
    console.log(`\n== ${part} ==`)
    results[part] = await PARTS[part]()
    // After every part: a long run that is stopped keeps what it has.
    save(file, results)
  }
})
