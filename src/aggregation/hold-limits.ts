/** "No limit" for a limit in the data plane's 32-bit integers. */
export const NO_LIMIT = 0x7fffffff

/** What a policy sets per vif. The plane decides by them, frame by frame (plane/hold.ts). */
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
  readonly urgentPublish: boolean
}
