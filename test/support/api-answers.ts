/** Answers of the API for what shows them. */
import type { PromiseAnswer } from '../../src/daemon/api/routes/promises.js'
import type { Tuning } from '../../src/daemon/api/routes/tuning.js'

const SINCE = '2026-01-31T12:00:00.000Z'

/** The verdict about a vif. */
export function promiseOf(name: string, changes: Partial<PromiseAnswer> = {}): PromiseAnswer {
  return {
    name,
    state: 'met',
    since: SINCE,
    targetUs: 200,
    missedByUs: null,
    cause: null,
    overBudget: false,
    windowS: 10,
    last10s: { frames: 12_000, p50Us: 25.5, p99Us: 184, withinShare: 0.9971 },
    last300s: { frames: 320_000, p50Us: 25.5, p99Us: 190, withinShare: 0.996 },
    queueP99Us: 95,
    holdP99Us: 90,
    batchFrames: 8.31,
    callsSavedShare: 0.902,
    cpuSavedShare: 0.124,
    sentence: `met since ${SINCE}: p99 of the last 10 s 184 us (12000 frames), target 200 us`,
    advice: '',
    ...changes,
  }
}

/** A verdict of the kind that an operator must read. */
export function missedPromise(name: string): PromiseAnswer {
  return promiseOf(name, {
    state: 'missed',
    missedByUs: 1_110,
    cause: 'budget',
    overBudget: true,
    sentence: `missed by 1110 us since ${SINCE} because it is infeasible within the budget: the targets need 0.31 of a processor, the budget is 0.05`,
    advice: 'Raise the budget to about 0.35, or the target to about 1400 us.',
  })
}

/** The tuning of one vif. */
export function vifTuningOf(
  name: string,
  changes: Partial<Tuning['vifs'][number]> = {},
): Tuning['vifs'][number] {
  return {
    name,
    targetUs: 200,
    weight: 1,
    limits: { holdUs: 45, maxFrames: 64, maxBytes: 2_147_483_647, gapUs: 2_147_483_647, urgentPublish: true },
    rateFps: 95_000,
    delayUs: 95,
    p99: { holdUs: 90, queueUs: 95, totalUs: 184 },
    published: { deadline: 540, urgent: 400, full: 50, gap: 10 },
    servedUs: 1_200,
    decision: null,
    why: 'hold 45 us; held',
    ...changes,
  }
}

/** The tuning of a switch. */
export function tuningAnswer(vifs: Tuning['vifs'], changes: Partial<Tuning> = {}): Tuning {
  return {
    policy: { name: 'adaptive' },
    budget: 0.5,
    dryRun: false,
    restUs: 50,
    spinUs: 50,
    wakeUs: 24.31,
    figures: { theta: 0.79, budget: 0.5, useShare: 0.31, waitShare: 0.02, trim: 1.01 },
    vifs,
    decisions: [],
    awake: {
      share: 0.5,
      state: 'unavailable',
      reason: 'no thread of the idle class can be had here: the kernel refuses it',
      cpus: [0, 1],
      burntUs: 12_500,
      holdsLatency: true,
      asleepUs: 24.3,
      wakeUs: 6.1,
    },
    ...changes,
  }
}
