/**
 * Pre-copy live migration as arithmetic: how much is left to send after a round, and when to stop the VM.
 * Source: C. Clark et al., "Live Migration of Virtual Machines", NSDI 2005: sections 3 (iterative pre-copy, writable
 * working set) and 5 (when to end it).
 *
 *     round 1   all of memory is sent while the VM runs and writes
 *     round n   what was written during round n - 1
 *     stop      the VM halts; what was written during the last round is sent: the downtime
 *
 * The VM writes with a given rate at places of its writable working set W, all equally likely. Of W bytes a time t
 * of writing r bytes a second leaves each untouched with probability e^(-r t / W), so W (1 - e^(-r t / W)) are
 * dirty: r t at first, never more than W. That floor is what no number of rounds gets below when the line is slow.
 */

/** Memory is sent by pages. */
export const PAGE_BYTES = 4096

export interface DirtyModel {
  readonly memoryBytes: number
  /** Written by the running VM. */
  readonly dirtyBytesPerS: number
  /** Part of memory that is ever written, 0 to 1. */
  readonly workingSetShare: number
}

/** Bytes that have to be sent again after the VM ran for so many seconds; whole pages. */
export function dirtyBytes(model: DirtyModel, seconds: number): number {
  const workingSet = model.memoryBytes * model.workingSetShare
  if (workingSet <= 0) return 0
  const dirty = workingSet * -Math.expm1((-model.dirtyBytesPerS * seconds) / workingSet)
  return Math.min(Math.round(dirty / PAGE_BYTES) * PAGE_BYTES, model.memoryBytes)
}

export interface StopRule {
  /** The VM may be halted when the rest takes no longer than this. */
  readonly downtimeLimitS: number
  readonly maxRounds: number
}

/** Whether to halt the VM after `rounds` rounds. @param bytesPerS what the line carried in the last round */
export function mustStop(rule: StopRule, rounds: number, remainingBytes: number, bytesPerS: number): boolean {
  return rounds >= rule.maxRounds || remainingBytes <= bytesPerS * rule.downtimeLimitS
}

export interface MigrationPlan {
  readonly rounds: number
  readonly sentBytes: number
  readonly totalS: number
  readonly downtimeS: number
}

/** What a migration comes to on a line of constant speed: what a measured one is compared with. */
export function planMigration(model: DirtyModel, rule: StopRule, bytesPerS: number): MigrationPlan {
  let remaining = model.memoryBytes
  let sentBytes = 0
  let rounds = 0
  do {
    sentBytes += remaining
    rounds++
    remaining = dirtyBytes(model, remaining / bytesPerS)
  } while (!mustStop(rule, rounds, remaining, bytesPerS))
  sentBytes += remaining
  return { rounds, sentBytes, totalS: sentBytes / bytesPerS, downtimeS: remaining / bytesPerS }
}
