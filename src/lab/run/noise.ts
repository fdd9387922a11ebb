/**
 * Whether the machine is quiet enough to measure on: looked at for a moment before each cell, while its guests are
 * there and idle. What is not quiet is marked in the record, or (--strict) waited for and then refused.
 */
import { RingferryError } from '../../errors/errors.js'
import type { Bed } from '../bed/bed.js'
import type { Noise } from '../record/record.js'
import type { LabClock } from './clock.js'
import type { HostSample } from './host.js'

const LOOK_S = 0.3
/** Share of all processor time that others may use, and that the hypervisor below may take. */
export const QUIET_BUSY = 0.15
export const QUIET_STEAL = 0.02
/** A clock below this share of the fastest seen in the run is throttled. */
export const STEADY_CLOCK = 0.8
const STRICT_TRIES = 10
const STRICT_PAUSE_S = 1

/** @param fastestMhz the highest clock seen in this run */
export function judgeNoise(before: HostSample, after: HostSample, fastestMhz: number | null): Noise {
  const total = after.totalS - before.totalS
  const share = (seconds: number): number => (total > 0 ? seconds / total : 0)
  const busyRatio = share(after.busyS - before.busyS)
  const stealRatio = share(after.stealS - before.stealS)
  const { mhz } = after
  const percent = (ratio: number): string => `${Math.round(100 * ratio)} %`
  const reasons = [
    ...(busyRatio > QUIET_BUSY ? [`processors ${percent(busyRatio)} busy before the cell`] : []),
    ...(stealRatio > QUIET_STEAL ? [`${percent(stealRatio)} of the time taken by the hypervisor below`] : []),
    ...(mhz !== null && fastestMhz !== null && mhz < STEADY_CLOCK * fastestMhz
      ? [`clock at ${Math.round(mhz)} MHz, was ${Math.round(fastestMhz)} MHz`]
      : []),
  ]
  return { verdict: reasons.length === 0 ? 'quiet' : 'marked', reasons, busyRatio, stealRatio, mhz }
}

/** Looks before each cell; remembers the fastest clock. */
export class NoiseCheck {
  readonly #clock: LabClock
  readonly #host: () => HostSample
  readonly #strict: boolean
  #fastestMhz: number | null = null

  constructor(clock: LabClock, host: () => HostSample, strict: boolean) {
    this.#clock = clock
    this.#host = host
    this.#strict = strict
  }

  /**
   * Throws BUSY when it is strict and the machine stays busy, and what the signal makes of a sleep. What the bed itself uses while
   * nothing is asked of it is no noise, nor is anything on a bed that counts its own time.
   */
  async look(bed: Pick<Bed, 'idleCpuS' | 'hasOwnTime'>, signal: AbortSignal): Promise<Noise> {
    const sample = (): HostSample => {
      const host = this.#host()
      return { ...host, busyS: host.busyS - bed.idleCpuS() }
    }
    for (let tries = 1; ; tries++) {
      const before = sample()
      await this.#clock.sleep(LOOK_S, signal)
      const after = sample()
      const noise = judgeNoise(before, after, this.#fastestMhz)
      if (noise.mhz !== null) this.#fastestMhz = Math.max(this.#fastestMhz ?? 0, noise.mhz)
      if (bed.hasOwnTime) return { ...noise, verdict: 'quiet', reasons: [] }
      if (noise.verdict === 'quiet' || !this.#strict) return noise
      if (tries === STRICT_TRIES)
        throw new RingferryError(
          'BUSY',
          `the machine is not quiet (${noise.reasons.join('; ')}) and --strict refuses to measure; end what runs beside the lab`,
        )
      await this.#clock.sleep(STRICT_PAUSE_S, signal)
    }
  }
}
