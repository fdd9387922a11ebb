import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { histogramQuantile } from '../../core/histogram.js'
import { FRAME_AT, MAX_FLOWS } from '../../embedded/frames.js'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import type { Metrics } from '../record/metrics.js'
import { DELAY_METRICS, lostIn, quantileWithLoss } from './delays.js'
import { countBetween, FramePair, lateRatio, type PairCount } from './frame-pair.js'
import { KernelReceiver } from './kernel-receiver.js'
import { prepareKernelSender } from './kernel-sender.js'
import { peerOf } from './program.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

/** Above this share of frames that the generator could not send in time, it was the limit. */
const LATE_LIMIT = 0.01
const PERCENTILES = [1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100] as const

const settingsSchema = z
  .strictObject({
    frameBytes: z
      .union([z.int().min(60).max(1518), z.literal('imix')])
      .default(64)
      .meta({ description: 'Without the frame check sequence; imix: 60, 590 and 1514 bytes, 7:4:1' }),
    rateFps: z.number().min(0).default(0).meta({ description: '0: as fast as the switch takes them' }),
    arrivals: z
      .enum(['poisson', 'constant', 'burst'])
      .default('poisson')
      .meta({ description: 'How intended send times follow each other' }),
    burstFrames: z.int().min(1).max(4096).default(32).meta({ description: 'Frames at one time, for burst' }),
    flows: z
      .int()
      .min(1)
      .max(MAX_FLOWS)
      .default(1)
      .meta({ description: 'UDP flows that the frames belong to in turn' }),
    direction: z.enum(['to_vm', 'from_vm']).default('to_vm').meta({ description: 'Named from the VM' }),
    also: z
      .array(z.string())
      .default([])
      .meta({ description: 'Further embedded VMs that get a frame in turn, with direction to_vm' }),
  })
  .refine(({ also, direction }) => also.length === 0 || direction === 'to_vm', {
    message: 'also needs direction to_vm: there is one sender',
    path: ['also'],
  })
export type FramesSettings = z.infer<typeof settingsSchema>

/**
 * The curve of delays: percentile of all frames offered over microseconds, the lost ones late for ever (`lostUs`); empty
 * when there is no delay.
 */
export function percentileSeries(
  counts: Uint32Array,
  lossRatio = 0,
  lostUs = Number.POSITIVE_INFINITY,
): (readonly [number, number])[] {
  const arrived = (q: number): number => histogramQuantile(counts, q)
  const points = PERCENTILES.map(
    (percent) => [percent, quantileWithLoss(arrived, percent / 100, lossRatio, lostUs)] as const,
  )
  return points.filter(([, us]) => Number.isFinite(us))
}

/**
 * Share of the frames offered that did not arrive: gaps in the sequence and frames for which the switch made no
 * room. Frames under way at the edges of the window are in neither; late frames of the generator are not offered.
 */
export function windowLoss({ sent, received, refused, gaps }: PairCount): number {
  if (received === 0) return sent + refused > 0 ? 1 : 0
  const missing = Math.max(0, gaps) + refused
  return missing / (received + missing)
}

/** What really ran. */
function ranOf(count: PairCount, seconds: number, { rateFps }: FramesSettings): Record<string, unknown> {
  return { seconds, ...count, generatorBound: lateRatio(count) > LATE_LIMIT, paced: rateFps > 0 }
}

/** What all receivers together got. */
function carried(count: PairCount, seconds: number): Metrics {
  return {
    fps: count.received / seconds,
    offeredFps: (count.sent + count.refused + count.late) / seconds,
    lossRatio: windowLoss(count),
    mbps: (count.receivedBytes * 8) / 1e6 / seconds,
  }
}

function result(
  pair: FramePair,
  count: PairCount,
  seconds: number,
  settings: FramesSettings,
  window: LoadWindow,
): WorkloadResult {
  const delays = pair.delays()
  const { meanUs, maxUs } = delays
  const lossRatio = windowLoss(count)
  const lost = lostIn(window, count.sent)
  const at = (q: number): number =>
    quantileWithLoss((share) => histogramQuantile(delays.counts, share), q, lossRatio, lost.us)
  const metrics: Metrics = {
    ...carried(count, seconds),
    ...(delays.count === 0 ? {} : { meanUs, maxUs }),
    ...{ p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), p999Us: at(0.999) },
  }
  return {
    metrics,
    series: { percentiles: percentileSeries(delays.counts, lossRatio, lost.us) },
    ran: {
      ...ranOf(count, seconds, settings),
      delay: settings.rateFps > 0 ? 'from the intended send time' : 'from the time of sending',
    },
  }
}

/**
 * Sends for a window, and until a receiver with a clock of its own has had its window, too.
 * @param received what that one reports
 */
async function load<Report>(
  pair: FramePair,
  { rateFps }: FramesSettings,
  { warmUpS, measureS, signal }: LoadWindow,
  received?: Promise<Report>,
): Promise<{ readonly count: PairCount; readonly seconds: number; readonly report: Report | undefined }> {
  try {
    pair.generator.setRate(rateFps > 0 ? rateFps : Number.POSITIVE_INFINITY)
    await sleep(warmUpS * 1000, undefined, { signal })
    pair.check()
    const before = pair.count()
    const startMs = performance.now()
    pair.resetWindow()
    await sleep(measureS * 1000, undefined, { signal })
    const count = countBetween(before, pair.count())
    pair.check()
    const seconds = (performance.now() - startMs) / 1000
    return { count, seconds, report: await received }
  } finally {
    pair.generator.setRate(0)
  }
}

/** To a program in a guest with a kernel. */
async function prepareKernel(
  [receiver, ...others]: readonly BedVm[],
  start: () => Promise<FramePair>,
  slot: number,
  settings: FramesSettings,
): Promise<PreparedWorkload> {
  if (!receiver || others.length > 0)
    throw new RingferryError(
      'CONFIG',
      `frames: also is for embedded VMs alone; ${receiver?.name} is ${receiver?.kind}`,
    )
  const kernel = await KernelReceiver.start(receiver, slot)
  let pair: FramePair
  try {
    pair = await start()
  } catch (error) {
    await kernel.stop()
    throw error
  }
  return {
    run: async (window) => {
      const received = kernel.measure(window)
      received.catch(() => {})
      const { count, seconds, report } = await load(pair, settings, window, received)
      const got = report!
      const receivedBytes = got.receivedBytes + got.received * FRAME_AT.EPOCH
      // Both windows have their own clock and ends: what came is told by the receiver's, as if in the sender's.
      const scale = seconds / got.seconds
      const all = {
        ...count,
        received: got.received * scale,
        receivedBytes: receivedBytes * scale,
        gaps: got.lost * scale,
      }
      return {
        metrics: carried(all, seconds),
        ran: {
          ...ranOf(all, seconds, settings),
          receiver: `a program in the guest, Node ${process.version}`,
        },
      }
    },
    close: async () => {
      await Promise.all([pair.stop(), kernel.stop()])
    },
  }
}

async function prepare(site: WorkloadSite, settings: FramesSettings): Promise<PreparedWorkload> {
  const peer = peerOf('frames', site)
  const [sender, receiver] = settings.direction === 'to_vm' ? [peer, site.vm] : [site.vm, peer]
  const receivers = [receiver, ...settings.also.map((name) => site.bed.vm(name))]
  if (sender.kind !== 'embedded' && receiver.kind === 'embedded')
    return prepareKernelSender(sender, receiver, site.slot, settings)
  const start = (): Promise<FramePair> =>
    FramePair.start(sender, receivers, {
      frameBytes: settings.frameBytes,
      arrivals: settings.arrivals === 'burst' ? { burst: settings.burstFrames } : settings.arrivals,
      flows: settings.flows,
      seed: site.seed,
    })
  if (receivers.some(({ kind }) => kind !== 'embedded'))
    return prepareKernel(receivers, start, site.slot, settings)
  const pair = await start()
  return {
    run: async (window) => {
      const { count, seconds } = await load(pair, settings, window)
      return result(pair, count, seconds, settings, window)
    },
    close: () => pair.stop(),
  }
}

/** Numbered UDP datagrams from an embedded VM, open loop: rate and loss, to an embedded one also one-way delay. From a guest with a kernel: rate and loss. */
export const frames: Workload<FramesSettings> = {
  name: 'frames',
  description:
    'Numbered UDP datagrams at intended times, one end an embedded VM: rate and loss; one-way delay between two embedded ones.',
  settings: settingsSchema,
  runsOn: ['embedded', 'uml', 'qemu'],
  needsPeer: true,
  alsoOn: ({ also }) => also,
  primary: 'fps',
  gives: ['fps', 'offeredFps', 'lossRatio', 'mbps', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare,
}
