import { BUCKETS } from '../core/histogram.js'

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
  | GeneratorRole
  /**
   * Measures what a generator sends it: sequence (lost, reordered, duplicated), bytes and the one-way delay
   * from the intended send time. `touch` (default true) reads the payload as a consumer would.
   */
  | { readonly kind: 'meter'; readonly touch?: boolean }

/** How the intended send times of a generator follow each other; all have the same mean rate. */
export type Arrivals =
  | 'poisson'
  | 'constant'
  /** So many frames at one time, then a pause. */
  | { readonly burst: number }

/**
 * Sends numbered UDP datagrams at intended times that wait for nothing (open loop), each carrying its time. The rate is 0
 * at first and set live by `EmbeddedWorker.setRate`. It measures what it receives, as a meter does.
 */
export interface GeneratorRole {
  readonly kind: 'generator'
  /** A receiver, or several in turn, each with a sequence of its own. */
  readonly to: string | readonly string[]
  /** Bytes in guest memory, without the frame check sequence: 60 or more, or simple IMIX (60, 590, 1514; 7:4:1). */
  readonly frameBytes: number | 'imix'
  /** Default 'poisson'. */
  readonly arrivals?: Arrivals
  /** Number of this sender, 0 to 255: meters follow the sequence of each. Default: the last byte of its address. */
  readonly stream?: number
  /** UDP flows (source ports) that the frames to a receiver belong to in turn: 1 to 4096. Default 1. */
  readonly flows?: number
  /** Of chance, for the gaps. Default 1. */
  readonly seed?: number
}

/** Address, role, rings and processor of an embedded guest. */
export interface EmbeddedWorkerOptions {
  /** "02:00:00:00:00:01" */
  readonly mac: string
  readonly role: EmbeddedRole
  /** How long it polls its rings before it sleeps, in microseconds. Default 50; 0 sleeps at once. */
  readonly spinUs?: number
  /** Entries of each ring. Default 256. */
  readonly ringSize?: number
  /** Virtio features wanted. Default: a current Linux guest's; a meter or generator takes no joined datagrams. */
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

export type FromEmbedded =
  /** `thread`: the kernel's number of the guest's thread. */
  { readonly type: 'ready'; readonly thread: number } | { readonly type: 'died'; readonly message: string }

// The shared memory: i32 "stop", then the f64 that the owner sets, the f64 counters, then the histogram of round
// trip times or delays.
const STOP = 0
const ORDERS_AT = 8
/** Numbers of what the owner of a generator orders: its rate, and how many frames it may send in all until now. */
export const ORDER = { rateFps: 0, limitFrames: 1 } as const
const ORDER_COUNT = 2
const COUNTERS_AT = ORDERS_AT + ORDER_COUNT * 8
/** Numbers of the f64 counters. */
export const LIVE = {
  rxFrames: 0,
  rxBytes: 1,
  txFrames: 2,
  lost: 3,
  malformed: 4,
  sleeps: 5,
  txBytes: 6,
  /** Due frames that a generator gave up because its ring had been full: the device did not take them. */
  refused: 7,
  /** Due frames that a generator gave up because its thread came too late. */
  late: 8,
  reordered: 9,
  duplicated: 10,
  /** Received frames of no generator, or for somebody else. */
  others: 11,
  /** When (host clock, us) the frame was meant to leave that came after the last gap; 0: there was none. */
  lastGapUs: 12,
  /** The rate that a generator goes by now, and since when (host clock, us). */
  rateFps: 13,
  rateSinceUs: 14,
} as const
const LIVE_COUNT = 15
const HISTOGRAM_AT = COUNTERS_AT + LIVE_COUNT * 8
export const SHARED_BYTES = HISTOGRAM_AT + BUCKETS * 4

/** The shared memory of an embedded worker, as both sides see it. */
export class SharedResults {
  readonly stop: Int32Array
  readonly orders: Float64Array
  readonly live: Float64Array
  /** Round trip times, or one-way delays: a role has either. */
  readonly times: Uint32Array

  constructor(shared: SharedArrayBuffer) {
    this.stop = new Int32Array(shared, STOP, 1)
    this.orders = new Float64Array(shared, ORDERS_AT, ORDER_COUNT)
    this.live = new Float64Array(shared, COUNTERS_AT, LIVE_COUNT)
    this.times = new Uint32Array(shared, HISTOGRAM_AT, BUCKETS)
  }
}
