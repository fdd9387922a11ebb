/**
 * The thread that decides for an engine. It reads the engine's counters and the operator's settings from memory that both
 * share, and writes its decisions there; nobody sends anybody a message. Between two ticks it sleeps, and a change of the
 * settings wakes it. It decides from the start, and makes its code ready meanwhile; all of it within a share of a processor,
 * because where the engine, or guests, have the same one, they wait for as long as this thread works.
 */
import { workerData } from 'node:worker_threads'
import { Controller, type EngineUse } from '../control/controller.js'
import { DECIDE, DECIDING_SHARE, Duty, nextOf, PREPARE } from '../control/duty.js'
import { counterAt } from '../control/tuning-layout.js'
import { warmUpController } from '../control/warm-up.js'
import { EngineSigns } from '../core/globals.js'
import { MemoryViews } from '../core/memory-views.js'
import { clockStartUs, nowUs, ThreadClock } from '../sys/clock.js'
import type { DeciderData } from './decider-data.js'

/** Time between two ticks while the engine sleeps nearly all the time, in microseconds, and how often it wakes up then at most. */
const QUIET_PERIOD_US = 100_000
const QUIET_WAKES = 20
/** Its longest sleep in milliseconds: who asks it to end just before it sleeps is not heard until it wakes up. */
const MAX_SLEEP_MS = 500

const { memory, tuning, thread, clockStartUs: engineStartUs, stop } = workerData as DeciderData

const signs = new EngineSigns(memory)
const time = new ThreadClock(thread)
const version = counterAt(tuning, 0)
const stopped = new Int32Array(stop)
const laterUs = clockStartUs() - engineStartUs

function use(): EngineUse {
  const { spunUs, wakes } = signs
  return { workedUs: time.us() - spunUs, spunUs, waitedUs: time.waitedUs(), wakes }
}

const own = new ThreadClock()
const duty = new Duty(DECIDING_SHARE, own.us())
const warmUp = warmUpController()
const controller = new Controller(new MemoryViews(memory), tuning)
for (let wakes = 0, isReady = false; Atomics.load(stopped, 0) === 0; ) {
  const seen = Atomics.load(version, 0)
  const restUs = duty.restUs(nowUs(), own.us())
  const dueUs = controller.dueUs(nowUs() + laterUs)
  const next = nextOf(restUs, dueUs, isReady)
  if (next === DECIDE) {
    controller.run(nowUs() + laterUs, use())
    continue
  }
  if (next === PREPARE) {
    isReady = warmUp.next().done === true
    continue
  }
  const isQuiet = isReady && signs.isAsleep && signs.wakes - wakes < QUIET_WAKES
  wakes = signs.wakes
  const untilTickUs = isQuiet ? Math.max(dueUs, QUIET_PERIOD_US) : dueUs
  Atomics.wait(version, 0, seen, Math.min(MAX_SLEEP_MS, Math.max(restUs, isReady ? untilTickUs : 0) / 1000))
}
