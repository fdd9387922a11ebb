/**
 * The engine's pace: whether it goes on with turns, spins, sleeps or rests, and for how long. A state machine without
 * clock or system call: the engine and a model of it tell it what happened and when, and do what it says.
 *
 *          frames moved, or a port was woken
 *          +---------------+
 *          v               |
 *   +--> TURN ---> nothing to do ---> SPIN    polls again, up to the time that spinning has paid for
 *   |     |                |
 *   |     |                +--------> SLEEP   guests are asked for kicks; until one comes or something is due
 *   |     |                |
 *   |     +----------------+--------> REST    nobody is asked for kicks: frames gather in the rings; after a stretch of
 *   |                                 |       work, and in place of sleep, as long as the controller says
 *   +---------------------------------+
 *
 * Spinning adapts: a sleep shorter than the longest spin would have been spared by spinning, so the next spin is longer; a
 * longer one would not, so the next spin is shorter. The longest spin follows from what a wake-up costs (wake-cost.ts),
 * unless it was given.
 *
 * All times in microseconds on the engine's clock.
 */
import { LEAST_SPIN_US, PROBE_US, PROBES, spinBoundUs, WakeCost } from './wake-cost.js'

/** What the engine does next. */
export const TURN = 0
export const SPIN = 1
export const SLEEP = 2
export const REST = 3
export type Step = typeof TURN | typeof SPIN | typeof SLEEP | typeof REST

/** Ticks: retries, timers and reports of the ports. */
export const TICK_US = 100_000
/** Of so many ticks one is followed by probes of what a wake-up costs. */
export const TICKS_PER_PROBING = 10
/** Turns between two polls of the descriptors while there is work. */
export const TURNS_PER_POLL = 32
/** The same with ports whose descriptors alone tell that they can be read or written. */
export const TURNS_PER_POLL_WITH_HOST_PORTS = 2
/** A turn that found nothing and took longer was interrupted: others used the processor meanwhile. */
export const MAX_SPIN_TURN_US = 3
/** A resting engine re-notifies guests that have not answered a call at most so often. */
export const RENOTIFY_EVERY_US = 1_000
/** Where others keep the engine waiting for more, what it spins for long is taken from them. */
const CROWDED_SHARE = 0.05
/** A short sleep doubles the spin and adds this to it; a spin below it becomes 0. */
const SPIN_STEP_US = 2

/** What the controller allows. */
export interface PaceLimits {
  /** How long the engine rests; 0: it sleeps. */
  readonly restUs: number
  /** How long it works at a stretch before it rests all the same. */
  readonly workUs: number
  /** Whether an engine that has spun for so long since its start may spin. */
  maySpin(spunUs: number): boolean
}

/** In how long something is due that ends a pause; infinity: nothing is. */
export interface Due {
  /** The next held batch is published. */
  readonly heldUs: number
  /** A frame that a rate limit holds back goes on. */
  readonly releaseUs: number
  /** A port whose guest does not kick is polled. */
  readonly pollUs: number
}

/** The same for a sleep, which ends for more than a rest. */
export interface SleepDue extends Due {
  /** A guest that has not answered a call is re-notified. */
  readonly renotifyUs: number
  /** A request of a port's peer may be served. */
  readonly requestUs: number
}

export class Pace {
  readonly #limits: PaceLimits
  readonly #wakeCost = new WakeCost()
  /** So many of the next sleeps that may last so long are probes of what a wake-up costs. */
  #probesLeft = 0
  #ticks = 0
  readonly #findsSpin: boolean
  #maxSpinUs: number
  #spinUs = 0
  #spunUs = 0
  #wakes = 0
  /** Since when there is nothing to do. */
  #idleSinceUs = 0
  #turnsSincePoll = 0
  /** When the last sleep or rest ended. */
  #awakeUs = 0
  #tickUs = 0
  #renotifiedUs = 0
  /** Whether there was work when the present pause began. */
  #pausesWork = false

  /** @param maxSpinUs longest spin; 0 never spins; left out: what a wake-up is found to cost decides */
  constructor(limits: PaceLimits, maxSpinUs?: number) {
    this.#limits = limits
    this.#findsSpin = maxSpinUs === undefined
    this.#maxSpinUs = maxSpinUs ?? spinBoundUs(this.wakeUs)
  }

  /** The longest spin at present. */
  get maxSpinUs(): number {
    return this.#maxSpinUs
  }

  /** What a wake-up costs; NaN while it is not known. */
  get wakeUs(): number {
    return this.#wakeCost.us
  }

  /** How long the engine spins at present before it pauses. */
  get spinUs(): number {
    return this.#spinUs
  }

  /** How long a spin that goes on now lasts, unless something comes. */
  spinLeftUs(nowUs: number): number {
    return this.#idleSinceUs + this.#spinUs - nowUs
  }

  /** Time spent spinning since the start. */
  get spunUs(): number {
    return this.#spunUs
  }

  /** Sleeps and rests that have ended since the start. */
  get wakes(): number {
    return this.#wakes
  }

  /** When the last tick was. */
  get tickUs(): number {
    return this.#tickUs
  }

  isTickDue(nowUs: number): boolean {
    return nowUs - this.#tickUs >= TICK_US
  }

  /** A tick. @param waitedShare of the time since the last one in which others had the processor while the engine wanted it */
  ticked(nowUs: number, waitedShare = 0): void {
    this.#tickUs = nowUs
    const isCrowded = waitedShare > CROWDED_SHARE
    if (this.#ticks++ % TICKS_PER_PROBING === 0) this.#probesLeft = PROBES
    if (this.#findsSpin) this.#maxSpinUs = isCrowded ? LEAST_SPIN_US : spinBoundUs(this.wakeUs)
  }

  /** Whether the descriptors are to be polled between two turns. Asked once after each turn that found work. */
  isPollDue(hasHostPorts: boolean): boolean {
    if (++this.#turnsSincePoll < (hasHostPorts ? TURNS_PER_POLL_WITH_HOST_PORTS : TURNS_PER_POLL))
      return false
    this.#turnsSincePoll = 0
    return true
  }

  /**
   * What follows a turn.
   * @param nowUs when the turn began
   * @param hasWork whether it moved frames, or a port asks to be served
   */
  next(nowUs: number, hasWork: boolean): Step {
    this.#pausesWork = hasWork
    if (hasWork) {
      this.#idleSinceUs = nowUs
      return nowUs - this.#awakeUs >= this.#limits.workUs ? REST : TURN
    }
    if (nowUs - this.#idleSinceUs < this.#spinUs && this.#limits.maySpin(this.#spunUs)) return SPIN
    return this.pause(false)
  }

  /** How an engine with nothing to do pauses. One that a port has woken meanwhile does not rest. */
  pause(isWoken: boolean): Step {
    return this.#limits.restUs > 0 && !isWoken ? REST : SLEEP
  }

  /** A spin has polled once. */
  spun(fromUs: number, toUs: number): void {
    this.#spunUs += Math.min(toUs - fromUs, MAX_SPIN_TURN_US)
  }

  /** How long a sleep that begins now lasts at most. */
  sleepUs(nowUs: number, maxUs: number, due: SleepDue): number {
    const untilTick = Math.max(0, this.#tickUs + TICK_US - nowUs)
    const { heldUs, releaseUs, pollUs, renotifyUs, requestUs } = due
    const us = Math.min(untilTick, maxUs, heldUs, releaseUs, renotifyUs, pollUs, requestUs)
    return this.#probesLeft > 0 && us > PROBE_US ? PROBE_US : us
  }

  /** How long a rest lasts at most. */
  restUs(maxUs: number, { heldUs, releaseUs, pollUs }: Due): number {
    return Math.min(maxUs, this.#limits.restUs, heldUs, pollUs, releaseUs)
  }

  /** Whether guests are to be re-notified before a rest that begins now; one that does counts from now. */
  isRenotifyDue(nowUs: number): boolean {
    if (nowUs - this.#renotifiedUs < RENOTIFY_EVERY_US) return false
    this.#renotifiedUs = nowUs
    return true
  }

  /**
   * A sleep has ended.
   * @param plannedUs how long it was to last at most
   * @param waitedUs how much of it others had the processor while the engine was ready to run
   */
  slept(fromUs: number, toUs: number, plannedUs: number, waitedUs = 0): void {
    this.#wakes++
    this.#awakeUs = toUs
    if (plannedUs === PROBE_US && this.#probesLeft > 0) {
      this.#wakeCost.probed(PROBES - this.#probesLeft, toUs - fromUs, waitedUs)
      this.#probesLeft--
    }
    if (toUs - fromUs < this.#maxSpinUs) this.#spinUs = this.#spinUs * 2 + SPIN_STEP_US
    else this.#spinUs = this.#spinUs < SPIN_STEP_US ? 0 : this.#spinUs / 2
    this.#spinUs = Math.min(this.#maxSpinUs, this.#spinUs)
  }

  /** A rest has ended. */
  rested(toUs: number): void {
    this.#wakes++
    this.#awakeUs = toUs
  }

  /** Turns begin: at the start, and after a pause. A rest between two bursts is no end of idleness. */
  resumed(nowUs: number): void {
    if (this.#pausesWork) return
    this.#idleSinceUs = nowUs
    this.#turnsSincePoll = 0
  }
}
