/**
 * The per-frame check: hold the open batch of a vif, or publish it now. The data plane makes the same decision with
 * the same codes; the simulator calls this one.
 *
 *     frames of one burst appended       burst over: clock read once
 *     ---x--x-x-------------------------|------------------------------> time
 *        room left? frames? bytes?        polling, urgent, deadline, gap
 *
 * While a burst is being appended only room ends a batch: a burst takes few microseconds, and one publication for all
 * of it costs less than one for its urgent frame and one for the rest.
 */

/** "No limit" for a limit in the data plane's 32-bit integers. */
export const NO_LIMIT = 0x7fffffff

/** Why a batch was published; 0 keeps holding. Counted per vif under these codes by plane, engine and simulator. */
export const REASON = {
  HOLD: 0,
  /** The receiver's ring has no buffer left for another frame. */
  FULL: 1,
  FRAMES: 2,
  BYTES: 3,
  /** The burst is over and nothing is to be held (holdUs = 0). */
  NO_HOLD: 4,
  /** The guest polls its ring, so publication costs no call. */
  POLLING: 5,
  URGENT: 6,
  DEADLINE: 7,
  GAP: 8,
} as const

export type Reason = (typeof REASON)[keyof typeof REASON]

/** Name of each reason, by code, for counters and `tune explain`. */
export const REASON_NAMES = [
  'hold',
  'full',
  'frames',
  'bytes',
  'no-hold',
  'polling',
  'urgent',
  'deadline',
  'gap',
] as const

/** What a policy sets per vif. */
export interface HoldLimits {
  /** Longest time a frame waits by decision, from the first frame of the batch, in microseconds; 0 = no hold. */
  readonly holdUs: number
  /** Publish when the batch has this many frames; never a bound on what one publication may carry. */
  readonly maxFrames: number
  /** Publish when the batch has this many bytes. */
  readonly maxBytes: number
  /** Publish when no frame has come for this long, in microseconds (a window-limited sender waits for us). */
  readonly gapUs: number
  /**
   * Publish at once for urgent frames (PSH, pure ACK, SYN, FIN, RST, ARP, control) and for a guest that polls.
   * Off reproduces containers and interrupt moderation, which know neither.
   */
  readonly urgentFlush: boolean
}

/** The open, unpublished batch of a vif. Times in microseconds on the caller's clock. */
export interface Batch {
  readonly frames: number
  readonly bytes: number
  readonly firstUs: number
  readonly lastUs: number
  /** An urgent frame is in the batch. */
  readonly urgent: boolean
  /** The receiver's ring can take one more frame. */
  readonly room: boolean
  /** The guest asked for no calls: it looks at its ring by itself. */
  readonly polling: boolean
}

/**
 * Why the open batch must be published now, or `REASON.HOLD`.
 * @param burstOver false while frames of the present burst are still being appended
 */
export function mustPublish(batch: Batch, limits: HoldLimits, nowUs: number, burstOver: boolean): Reason {
  if (batch.frames === 0) return REASON.HOLD
  if (!batch.room) return REASON.FULL
  if (batch.frames >= limits.maxFrames) return REASON.FRAMES
  if (batch.bytes >= limits.maxBytes) return REASON.BYTES
  if (!burstOver) return REASON.HOLD
  if (limits.holdUs <= 0) return REASON.NO_HOLD
  if (limits.urgentFlush) {
    if (batch.polling) return REASON.POLLING
    if (batch.urgent) return REASON.URGENT
  }
  if (nowUs - batch.firstUs >= limits.holdUs) return REASON.DEADLINE
  if (nowUs - batch.lastUs >= limits.gapUs) return REASON.GAP
  return REASON.HOLD
}

/** When a held batch must be looked at again if no frame comes: the engine's longest wait, the simulator's next event. */
export function nextDeadlineUs(batch: Batch, limits: HoldLimits): number {
  if (batch.frames === 0) return Number.POSITIVE_INFINITY
  return Math.min(batch.firstUs + limits.holdUs, batch.lastUs + limits.gapUs)
}
