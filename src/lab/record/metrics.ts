/** The metrics of the lab: one table of names, units and directions that workloads, studies and reports share. */

export interface MetricDescription {
  readonly unit: string
  /** Which way is good; `none`: neither (a property of the load, not a result). */
  readonly better: 'higher' | 'lower' | 'none'
  /** As an axis or a column is headed. */
  readonly label: string
}

const metric = (label: string, unit: string, better: MetricDescription['better']): MetricDescription => ({
  ...{ label, unit, better },
})

/** Given by workloads. */
const WORKLOAD_METRICS = {
  mbps: metric('throughput', 'Mb/s', 'higher'),
  fps: metric('frames delivered', 'frames/s', 'higher'),
  offeredFps: metric('frames offered', 'frames/s', 'none'),
  lossRatio: metric('loss', 'share of frames', 'lower'),
  transactionsPerS: metric('transactions', '1/s', 'higher'),
  connectionsPerS: metric('connections', '1/s', 'higher'),
  requestsPerS: metric('requests', '1/s', 'higher'),
  errors: metric('errors', 'count', 'lower'),
  meanUs: metric('mean delay', 'us', 'lower'),
  p50Us: metric('median delay', 'us', 'lower'),
  p90Us: metric('p90 delay', 'us', 'lower'),
  p99Us: metric('p99 delay', 'us', 'lower'),
  p999Us: metric('p99.9 delay', 'us', 'lower'),
  maxUs: metric('largest delay', 'us', 'lower'),
  rebuffers: metric('rebufferings', 'count', 'lower'),
  stalledRatio: metric('time stalled', 'share of time', 'lower'),
  jitterUs: metric('jitter', 'us', 'lower'),
  readMbps: metric('file reading', 'Mb/s', 'higher'),
  writeMbps: metric('file writing', 'Mb/s', 'higher'),
  migrationS: metric('migration', 's', 'lower'),
  downtimeMs: metric('stop phase of migration', 'ms', 'lower'),
  iterationsPerS: metric('computing', 'iterations/s', 'higher'),
  ndrFps: metric('no-drop rate', 'frames/s', 'higher'),
  pdrFps: metric('partial-drop rate', 'frames/s', 'higher'),
  backToBackFrames: metric('back-to-back burst', 'frames', 'higher'),
  recoveryMs: metric('recovery from overload', 'ms', 'lower'),
} as const satisfies Readonly<Record<string, MetricDescription>>

/** Made by the runner from processor times and port counters, for every cell. */
const MADE_METRICS = {
  guestCpu: metric('guest processor use', 'cores', 'lower'),
  driverCpu: metric('driver domain processor use', 'cores', 'lower'),
  driverWorkCpu: metric('driver domain processor use without spinning', 'cores', 'lower'),
  hostCpu: metric('processor use of the whole host', 'cores', 'lower'),
  burntCpu: metric('burnt to keep processors awake', 'cores', 'lower'),
  driverCpuPerFrameNs: metric('driver domain processor time a frame', 'ns', 'lower'),
  hostCpuPerGbS: metric('host processor time a gigabyte', 's', 'lower'),
  /** What hostCpuPerGbS is where a switch counts no bytes, without headers: for comparing switches. */
  hostCpuPerPayloadGbS: metric('host processor time a gigabyte of payload', 's', 'lower'),
  callsPerFrame: metric('calls a frame', '1/frame', 'lower'),
  grantOperationsPerFrame: metric('grant copies and mappings a frame', '1/frame', 'lower'),
  grantListsPerFrame: metric('lists of grant operations a frame', '1/frame', 'lower'),
  eventsPerFrame: metric('events of vifs a frame', '1/frame', 'lower'),
  batchFrames: metric('frames a publication', 'frames', 'none'),
  dropRatio: metric('frames dropped by the switch', 'share of frames', 'lower'),
  holdP99Us: metric('p99 hold', 'us', 'lower'),
  queueP99Us: metric('p99 queueing', 'us', 'lower'),
  totalP99Us: metric('p99 from arrival to publication', 'us', 'lower'),
  // Features of a workload, for choosing a representative set.
  meanFrameBytes: metric('mean frame', 'bytes', 'none'),
  toVmFps: metric('frames to the VM', 'frames/s', 'none'),
  fromVmFps: metric('frames from the VM', 'frames/s', 'none'),
  toVmBps: metric('bytes to the VM', 'B/s', 'none'),
  fromVmBps: metric('bytes from the VM', 'B/s', 'none'),
  gapCv2: metric('squared variation of gaps', '', 'none'),
  burstFrames: metric('frames a burst', 'frames', 'none'),
} as const satisfies Readonly<Record<string, MetricDescription>>

export const METRICS = { ...WORKLOAD_METRICS, ...MADE_METRICS } as const

export type MetricName = keyof typeof METRICS
export type Metrics = { readonly [name in MetricName]?: number }

export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[]
/** Metrics that every cell can have, whatever runs in it. */
export const CELL_METRICS = Object.keys(MADE_METRICS) as readonly MetricName[]
