import type { PolicyName } from '../aggregation/create.js'
import type { VifDecision } from '../aggregation/policy.js'
import { type PortCounters, readCounters } from '../core/counters.js'
import { type PortDelays, readDelays } from '../core/delays.js'
import { EngineSigns, hasPortFlag } from '../core/globals.js'
import { PORT_METERED } from '../core/layout.js'
import { VIF_DEFAULTS } from './defaults.js'
import type { LoggedDecision, LoggedTuning, TuningReader } from './tuning-reader.js'

/** Why a target is not held: by the policy, by the setting publish of the port, in a dry run. */
export type NotHeld = 'policy' | 'publish' | 'dry-run'

/** A port that may have a target, as the control side knows it. */
export interface PromisedPort {
  readonly row: number
  readonly name: string
  /** Whether a guest is attached. */
  readonly isAttached: boolean
  /** Changes whenever the port gets another guest. */
  readonly guest: string
}

/** What a verdict of one vif is made of, at one time. Counts run since the port was added. */
export interface VifReading extends PromisedPort {
  /** p99 from arrival to publication that was asked for, in microseconds. */
  readonly targetUs: number
  readonly policy: PolicyName
  /** What keeps its target from being held; undefined: it is held. */
  readonly notHeld: NotHeld | undefined
  readonly delays: PortDelays
  readonly counters: PortCounters
  readonly isRateLimited: boolean
  /** What the controller decided last. */
  readonly decided: VifDecision | undefined
}

/** What verdicts are made of, at one time. */
export interface PromiseReading {
  readonly vifs: readonly VifReading[]
  readonly budget: number
  /** In which the engine was ready to run and others had its processor, in microseconds since its start. */
  readonly waitedUs: number
  /** What a wake-up was found to cost, in microseconds; undefined: not known. */
  readonly wakeUs: number | undefined
  readonly decision: LoggedDecision | undefined
}

function notHeldBy({ policy, dryRun }: LoggedTuning, isControlled: boolean): NotHeld | undefined {
  if (policy.name !== 'adaptive') return 'policy'
  if (!isControlled) return 'publish'
  return dryRun ? 'dry-run' : undefined
}

/**
 * Reads all ports that may have a target. For the control side: the engine is not asked.
 * @param memory the engine's linear memory; @param log its controller's; @param waitedUs see PromiseReading
 */
export function readPromises(
  memory: BigUint64Array,
  log: TuningReader,
  ports: readonly PromisedPort[],
  waitedUs: number,
): PromiseReading {
  const tuning = log.read(1)
  const decision = tuning.decisions.at(-1)
  const { wakeUs } = new EngineSigns(memory.buffer as unknown as SharedArrayBuffer)
  return {
    budget: tuning.budget,
    waitedUs,
    wakeUs: Number.isNaN(wakeUs) ? undefined : wakeUs,
    decision,
    vifs: ports.map((port) => {
      const { row } = port
      const isControlled = tuning.rows.some((each) => each.row === row)
      return {
        ...port,
        targetUs: log.targetUs(row) ?? VIF_DEFAULTS.targetUs,
        policy: tuning.policy.name,
        notHeld: notHeldBy(tuning, isControlled),
        delays: readDelays(memory, row),
        counters: readCounters(memory, row),
        isRateLimited: hasPortFlag(memory, row, PORT_METERED),
        decided: decision?.vifs.find(({ vif }) => vif === row),
      }
    }),
  }
}
