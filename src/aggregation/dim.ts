import type { HoldLimits } from './hold-limits.js'
import { type Decision, type HostSample, NATURAL_LIMITS, type Policy, type VifSample } from './policy.js'

/**
 * Linux's dynamic interrupt moderation as a policy to compare with. It climbs a ladder of five holds: a step that moved
 * more bytes, else more frames, else caused fewer events (publications here) by over 10 % is followed by another in the
 * same direction, any other by a turn. It parks at an end of the ladder or on a peak (two steps up, one back) until the
 * traffic changes, and parks tired after ten steps for as many measurements. It knows no delay: at a given load fewer
 * events is always better, so it climbs to the longest hold.
 *
 * Differences: measured at control periods, as soon as 64 events have come, with the events that really came (the
 * kernel runs it at every interrupt and takes 64 for the count). Behaviour, not text, of Linux lib/dim/net_dim.c (commit
 * 0974b8411a58) and lib/dim/dim.c (commit 01bc4ac9da94), receive profiles timed from the event.
 */
export const DIM_PROFILES = [
  { holdUs: 1, maxFrames: 256 },
  { holdUs: 8, maxFrames: 256 },
  { holdUs: 64, maxFrames: 256 },
  { holdUs: 128, maxFrames: 256 },
  { holdUs: 256, maxFrames: 256 },
] as const

const START_PROFILE = 1
const EVENTS_PER_MEASUREMENT = 64
const TIRED_STEPS = 2 * DIM_PROFILES.length

type Tune = 'parked-on-top' | 'parked-tired' | 'right' | 'left'

/** Rates of one measurement, whole numbers per millisecond, rounded up. */
interface Rates {
  readonly bytes: number
  readonly frames: number
  readonly events: number
}

function differs(value: number, reference: number): boolean {
  return Math.floor((100 * Math.abs(value - reference)) / reference) > 10
}

/** 1 when `now` is better than `before`, -1 when worse, 0 when no figure differs by more than 10 %. */
function compare(now: Rates, before: Rates): number {
  if (before.bytes === 0) return now.bytes > 0 ? 1 : 0
  if (differs(now.bytes, before.bytes)) return now.bytes > before.bytes ? 1 : -1
  if (before.frames === 0) return now.frames > 0 ? 1 : 0
  if (differs(now.frames, before.frames)) return now.frames > before.frames ? 1 : -1
  if (before.events === 0) return 0
  if (differs(now.events, before.events)) return now.events < before.events ? 1 : -1
  return 0
}

/** The climber of one vif. */
class Climber {
  profile = START_PROFILE
  tune: Tune = 'parked-on-top'
  #before: Rates = { bytes: 0, frames: 0, events: 0 }
  #stepsRight = 0
  #stepsLeft = 0
  #tired = 0
  #open = { bytes: 0, frames: 0, events: 0, us: 0 }
  /** The period in which a new profile takes effect is not measured. */
  #settling = false

  observe(sample: VifSample, periodUs: number): void {
    if (this.#settling) {
      this.#settling = false
      return
    }
    const open = this.#open
    open.bytes += sample.publishedBytes
    open.frames += sample.publishedFrames
    open.events += sample.publications
    open.us += periodUs
    if (open.events < EVENTS_PER_MEASUREMENT) return
    const perMs = (count: number) => Math.ceil((count * 1000) / open.us)
    const profile = this.profile
    this.#decide({ bytes: perMs(open.bytes), frames: perMs(open.frames), events: perMs(open.events) })
    this.#settling = this.profile !== profile
    this.#open = { bytes: 0, frames: 0, events: 0, us: 0 }
  }

  #decide(now: Rates): void {
    const wasOnTop = this.tune === 'parked-on-top'
    switch (this.tune) {
      case 'parked-on-top':
        if (compare(now, this.#before) !== 0) this.#leaveParking()
        break
      case 'parked-tired':
        if (--this.#tired === 0) this.#leaveParking()
        break
      default:
        this.#climb(compare(now, this.#before) > 0)
    }
    // While parked every measurement is compared with the one it was parked at, so that slow drift is noticed.
    if (!wasOnTop || this.tune !== 'parked-on-top') this.#before = now
  }

  #climb(better: boolean): void {
    if (!better) this.#turn()
    const onTop =
      this.tune === 'right'
        ? this.#stepsLeft > 1 && this.#stepsRight === 1
        : this.#stepsRight > 1 && this.#stepsLeft === 1
    const outcome = onTop ? 'edge' : this.#step()
    if (outcome === 'edge') this.#park('parked-on-top')
    else if (outcome === 'tired') this.#park('parked-tired')
  }

  #turn(): void {
    if (this.tune === 'right') {
      this.tune = 'left'
      this.#stepsLeft = 0
    } else {
      this.tune = 'right'
      this.#stepsRight = 0
    }
  }

  #step(): 'stepped' | 'edge' | 'tired' {
    if (this.#tired === TIRED_STEPS) return 'tired'
    if (this.tune === 'right') {
      if (this.profile === DIM_PROFILES.length - 1) return 'edge'
      this.profile++
      this.#stepsRight++
    } else {
      if (this.profile === 0) return 'edge'
      this.profile--
      this.#stepsLeft++
    }
    this.#tired++
    return 'stepped'
  }

  #park(tune: 'parked-on-top' | 'parked-tired'): void {
    this.#stepsRight = 0
    this.#stepsLeft = 0
    if (tune === 'parked-on-top') this.#tired = 0
    this.tune = tune
  }

  #leaveParking(): void {
    this.tune = this.profile > 0 ? 'left' : 'right'
    this.#step()
  }
}

class DimPolicy implements Policy {
  readonly name = 'dim'
  readonly #climbers = new Map<number, Climber>()

  decide({ vifs, periodUs }: HostSample): Decision {
    const present = new Set(vifs.map(({ vif }) => vif))
    for (const vif of this.#climbers.keys()) if (!present.has(vif)) this.#climbers.delete(vif)
    return {
      policy: this.name,
      restUs: 0,
      workUs: Number.POSITIVE_INFINITY,
      vifs: vifs.map((sample) => {
        const climber = this.#climbers.get(sample.vif) ?? new Climber()
        this.#climbers.set(sample.vif, climber)
        climber.observe(sample, periodUs)
        const limits: HoldLimits = { ...NATURAL_LIMITS, ...DIM_PROFILES[climber.profile]! }
        return { vif: sample.vif, limits, verdict: 'set', figures: { profile: climber.profile } }
      }),
      figures: {},
    }
  }
}

/** Linux net_dim's rule over publications. */
export function dimPolicy(): Policy {
  return new DimPolicy()
}
