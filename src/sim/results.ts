/** What a run gives: figures by the lab's names and in its units, and what they are made of. */

/** Delays of frames, in microseconds; NaN without frames. */
export interface DelayFigures {
  readonly meanUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
}

/** One entry of a model's traffic over the measured time. */
export interface TrafficResult {
  readonly label: string
  /** Frames that reached their program, and their payload (`tcp`: acknowledged data; else whole frames). */
  readonly frames: number
  readonly fps: number
  readonly mbps: number
  /** What was offered (open loop), and the part of it that was lost. */
  readonly offeredFps: number
  readonly lossRatio: number
  readonly transactionsPerS: number
  /** From the sender's program to the receiver's; requests: until the answer came. */
  readonly delay: DelayFigures
  /** The same as a histogram (src/core/histogram). */
  readonly delays: Uint32Array
}

/** One VM over the measured time. */
export interface VmResult {
  readonly name: string
  readonly toVmFps: number
  readonly fromVmFps: number
  readonly publications: number
  /** Frames of a publication. */
  readonly batchFrames: number
  readonly calls: number
  readonly drops: number
  readonly holdP99Us: number
  readonly queueP99Us: number
  readonly totalP99Us: number
  readonly totalP50Us: number
  readonly holdMeanUs: number
  /** Of one processor. */
  readonly cpu: number
  /** What the policy decided last, and why. */
  readonly why: string
}

/** One run. */
export interface Results {
  readonly model: string
  readonly seed: number
  readonly measuredS: number
  readonly traffic: readonly TrafficResult[]
  readonly vms: readonly VmResult[]
  /** Shares of one processor, in which threads worked; `hostCpu`: all processors together. */
  readonly driverCpu: number
  readonly guestCpu: number
  readonly hostCpu: number
  /** Whole machine. */
  readonly mbps: number
  readonly fps: number
  readonly cyclesPerFrame: number
  readonly callsPerFrame: number
  readonly switchesPerS: number
  readonly drops: number
  /** What limited it: `nic NAME`, `driver domain`, `processor N`, `vm NAME`, `load` (nothing did). */
  readonly bottleneck: string
  /** Whether more was offered than could be carried: delays then tell of queue sizes. */
  readonly isSaturated: boolean
  readonly events: number
}
