/**
 * The questions of the line-rate report as points of a sweep: what a NIC's line rate becomes behind the driver domain, by
 * number of VMs, size of frames and policy; from VMs to the wire; and with more threads of the driver domain.
 */
import { POLICY_NAMES, type PolicyName } from '../../aggregation/create.js'
import { WIRE_BYTES } from '../../sim/nic.js'
import { pointOf, type SweepPoint } from '../sweep-points.js'

/** Line rates of NICs, in Gb/s. */
export const RATES_GBPS = [1, 10, 25, 40, 100] as const
/** Sizes of frames in bytes, as they are named: with their checksum. The last carries an IP packet of 1500 bytes. */
export const FRAME_SIZES = [64, 256, 512, 1518] as const
export const MOST_VMS = 64
export const VM_COUNTS = [1, 2, 4, 8, 16, 32, MOST_VMS] as const
export const THREAD_COUNTS = [2, 4, 8, 16] as const
/** Policies by which several threads are shown: the one without delay, and the one with the largest batches. */
export const THREAD_POLICIES = ['natural', 'fixed'] as const

const CHECKSUM_BYTES = 4
/**
 * More than a thread carries: where the line rate is higher, only so much is offered, because what is dropped in
 * the NIC costs the machine nothing and the simulation much.
 */
export const OFFERED_FPS_PER_THREAD = 8e6
const MOST_THREADS = 16
/** Long enough for batches; policies that measure need their decisions, ten a second, and adaptive several of them. */
const WARM_UP_MS = 5
const WARM_UP_MEASURING_MS = 600
/** Runs of a point, each with a seed of its own: as few as give an interval. */
export const REPLICATIONS = 3
const LEAST_MEASURE_MS = 10
/** Frames that random arrivals take to be even within half a percent. */
const LEAST_FRAMES = 40_000

/** Numbers of VMs and sizes of frames of a coarse grid. */
const ENDS = [1, MOST_VMS] as const
const QUICK_SIZES = [64, 1518] as const

export interface LineRateFactors {
  readonly direction: 'receive' | 'transmit'
  readonly gbps: number
  readonly frameBytes: number
  readonly vms: number
  readonly threads: number
  readonly policy: PolicyName
}

/** Frames a second that a wire carries. @param frameBytes with checksum */
export function wireFps(gbps: number, frameBytes: number): number {
  return (gbps * 1e9) / 8 / (frameBytes - CHECKSUM_BYTES + WIRE_BYTES)
}

/** What a source is told to send: line rate, or what is enough to find the limit. */
export function offeredFps({ gbps, frameBytes, threads }: LineRateFactors): number {
  return Math.min(wireFps(gbps, frameBytes), OFFERED_FPS_PER_THREAD * threads)
}

/**
 * Line rate of the NIC that is simulated: the least that carries what is offered. Faster ones carry no more, so the same
 * point stands for all of them, and is run once.
 */
function simulatedGbps({ gbps, frameBytes }: LineRateFactors, fps: number): number {
  return RATES_GBPS.find((rate) => wireFps(rate, frameBytes) >= fps) ?? gbps
}

const measures = (policy: PolicyName): boolean => policy === 'adaptive' || policy === 'dim'

/** A model file's data: a processor for every thread and every VM. */
function modelData(factors: LineRateFactors): unknown {
  const { direction, frameBytes, vms, threads, policy } = factors
  const fps = offeredFps(factors)
  const [from, to] = direction === 'receive' ? ['eth0', 'v'] : ['v', 'eth0']
  return {
    name: 'line-rate',
    host: { cores: MOST_THREADS + MOST_VMS, ghz: 3 },
    driverThreads: threads,
    policy,
    nics: [{ name: 'eth0', gbps: simulatedGbps(factors, fps), queues: MOST_THREADS }],
    vms: [{ name: 'v', count: vms, cores: Array.from({ length: MOST_VMS }, (_, at) => MOST_THREADS + at) }],
    traffic: [{ kind: 'open', from, to, rateFps: fps / vms, frameBytes: frameBytes - CHECKSUM_BYTES }],
    measureMs: Math.max(LEAST_MEASURE_MS, (LEAST_FRAMES / fps) * 1000),
    warmUpMs: measures(policy) ? WARM_UP_MEASURING_MS : WARM_UP_MS,
    replications: { min: REPLICATIONS, max: REPLICATIONS },
  }
}

/** All points. @param quick a coarse grid, to see that everything works */
export function lineRatePoints(seed: number, quick = false): SweepPoint[] {
  const rates = quick ? ([1, 10] as const) : RATES_GBPS
  const sizes = quick ? QUICK_SIZES : FRAME_SIZES
  const threads = quick ? [2] : THREAD_COUNTS
  const all: LineRateFactors[] = []
  for (const gbps of rates)
    for (const frameBytes of sizes) {
      const of = { gbps, frameBytes, threads: 1 }
      for (const policy of POLICY_NAMES)
        for (const vms of quick ? ENDS : VM_COUNTS) all.push({ direction: 'receive', ...of, vms, policy })
      for (const vms of quick ? ENDS : VM_COUNTS)
        all.push({ direction: 'transmit', ...of, vms, policy: 'natural' })
      for (const each of threads)
        for (const policy of THREAD_POLICIES)
          all.push({ direction: 'receive', gbps, frameBytes, vms: MOST_VMS, threads: each, policy })
    }
  return all.map((factors) => pointOf(modelData(factors), { ...factors }, seed))
}
