import { BUCKETS } from '../stats/histogram.js'

/** What an embedded guest in a thread of its own does with its NIC. */
export type EmbeddedRole =
  /** Takes frames; `touch` (default true) reads their payload as a consumer would. */
  | { readonly kind: 'sink'; readonly touch?: boolean }
  /** Sends frames of a length in bytes to an address; at full speed, or so many a second. */
  | {
      readonly kind: 'source'
      readonly to: string
      readonly frameBytes: number
      readonly rateFps?: number
    }
  /** Sends every frame that comes back to its sender. */
  | { readonly kind: 'echo' }
  /**
   * Sends a frame to an echo and waits for it, again and again: the round trip time. `intervalUs` (default 0)
   * is the pause between two, in which everybody may fall asleep.
   */
  | {
      readonly kind: 'round-trip'
      readonly to: string
      readonly frameBytes?: number
      readonly intervalUs?: number
    }

export interface EmbeddedWorkerOptions {
  /** "02:00:00:00:00:01" */
  readonly mac: string
  readonly role: EmbeddedRole
  /** How long it looks at its rings before it sleeps, in microseconds. Default 50; 0 sleeps at once. */
  readonly spinUs?: number
  /** Entries of each ring. Default 256. */
  readonly ringSize?: number
  /** Virtio features wanted. Default: a current Linux guest's. */
  readonly features?: bigint
  /** Processor that the thread is bound to. Default: any. */
  readonly cpu?: number
}

export interface EmbeddedThreadData {
  /** Its end of the vhost-user socket. */
  readonly fd: number
  readonly shared: SharedArrayBuffer
  readonly options: EmbeddedWorkerOptions
}

export type FromEmbedded = { readonly type: 'ready' } | { readonly type: 'died'; readonly message: string }

// The shared memory: i32 "stop", then f64 counters, then the histogram of round trip times.
export const STOP = 0
const COUNTERS_AT = 8
/** Numbers of the f64 counters. */
export const LIVE = { rxFrames: 0, rxBytes: 1, txFrames: 2, lost: 3, malformed: 4, sleeps: 5 } as const
const LIVE_COUNT = 6
const HISTOGRAM_AT = COUNTERS_AT + LIVE_COUNT * 8
export const SHARED_BYTES = HISTOGRAM_AT + BUCKETS * 4

/** The shared memory of an embedded worker, as both sides see it. */
export class SharedResults {
  readonly stop: Int32Array
  readonly live: Float64Array
  readonly roundTrips: Uint32Array

  constructor(shared: SharedArrayBuffer) {
    this.stop = new Int32Array(shared, STOP, 1)
    this.live = new Float64Array(shared, COUNTERS_AT, LIVE_COUNT)
    this.roundTrips = new Uint32Array(shared, HISTOGRAM_AT, BUCKETS)
  }
}
