/**
 * RFC 2544's tests with an embedded generator and meter, the switch between them as the device under test.
 * Differences from the RFC, for a device that shares its processors with the tester: trials last parts of a second,
 * failed trials are repeated (rfc2544-search.ts), and there is a partial-drop rate beside the no-drop rate.
 */
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import { FramePair } from './frame-pair.js'
import { peerOf } from './program.js'
import { type SearchResult, searchBurst, searchRate } from './rfc2544-search.js'
import { type Recovery, TrialBench } from './rfc2544-trial.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const FCS_BYTES = 4
/** The largest rate searched over what full speed reached: a generator that waits for room is slower than one that does not. */
const HEADROOM = 1.25
/** The lowest rate searched, as a share of the largest. */
const FLOOR = 1 / 1024
const LOADS_PERCENT = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100] as const
const OVERLOAD = 1.5
/** Longest burst, as trials at full speed: RFC 2544, 26.4 wants two seconds of it. */
const BURST_TRIALS = 2
const WARM_UP_S = 0.2
/** Recoveries measured; their median counts, since the host may take a processor away in any of them. */
const RECOVERIES = 3

const share = z.number().min(0).max(0.5)
const settingsSchema = z.strictObject({
  frameBytes: z
    .union([z.int().min(64).max(1518), z.literal('imix')])
    .default(64)
    .meta({ description: 'On the wire, with the frame check sequence, as the RFC counts' }),
  trialS: z.number().positive().optional().meta({ description: 'Default: the measured window of the study' }),
  resolution: z
    .number()
    .min(0.001)
    .max(0.5)
    .default(0.02)
    .meta({ description: 'Where a search ends, as a share of the rate' }),
  pdrLoss: share.default(0.001).meta({ description: 'Loss that the partial-drop rate allows' }),
  ndrLoss: share.default(0).meta({ description: 'Loss that the no-drop rate allows' }),
  repeats: z.int().min(0).max(20).default(2).meta({ description: 'A failed trial is tried again so often' }),
  test: z
    .enum(['throughput', 'latency', 'back-to-back', 'recovery', 'all'])
    .default('all')
    .meta({ description: 'Which of the tests' }),
})
export type Rfc2544Settings = z.infer<typeof settingsSchema>

interface Throughput {
  readonly ndr: SearchResult
  readonly pdr: SearchResult
}

type Series = Record<string, (readonly [number, number])[]>

/** PDR over all rates, then NDR below it. */
async function throughput(
  bench: TrialBench,
  full: number,
  trialS: number,
  settings: Rfc2544Settings,
): Promise<Throughput> {
  const { resolution, repeats, pdrLoss, ndrLoss } = settings
  const maxFps = full * HEADROOM
  const goal = { minFps: maxFps * FLOOR, maxFps, resolution, repeats }
  const pdr = await bench.search(searchRate({ ...goal, lossRatio: pdrLoss }), trialS)
  if (pdr.rateFps <= goal.minFps) return { pdr, ndr: pdr }
  const below = await bench.search(searchRate({ ...goal, maxFps: pdr.rateFps, lossRatio: ndrLoss }), trialS)
  // Without loss up to the PDR: what bounded that one bounds this one.
  return {
    pdr,
    ndr: below.limit === 'range' ? { ...below, failedFps: pdr.failedFps, limit: pdr.limit } : below,
  }
}

async function latency(bench: TrialBench, baseFps: number, trialS: number): Promise<Series> {
  const p50ByLoad: [number, number][] = []
  const p99ByLoad: [number, number][] = []
  const lossByLoad: [number, number][] = []
  for (const percent of LOADS_PERCENT) {
    const { p50Us, p99Us, lossRatio } = await bench.rate((baseFps * percent) / 100, trialS)
    lossByLoad.push([percent, lossRatio])
    if (Number.isNaN(p50Us)) continue
    p50ByLoad.push([percent, p50Us])
    p99ByLoad.push([percent, p99Us])
  }
  return { p50ByLoad, p99ByLoad, lossByLoad }
}

/** What each recovery said; a device that was not overloaded, or never recovered, has no time. */
async function recover(
  bench: TrialBench,
  { overFps, thenFps }: { readonly overFps: number; readonly thenFps: number },
  trialS: number,
  lossRatio: number,
): Promise<Recovery[]> {
  const recoveries: Recovery[] = []
  for (let i = 0; i < RECOVERIES; i++)
    recoveries.push(await bench.recovery(overFps, thenFps, trialS, lossRatio))
  return recoveries
}

/** The median in ms; one that never ended is longer than all others. Undefined when the median has no time. */
export function medianRecoveryMs(recoveries: readonly Recovery[]): number | undefined {
  const times = recoveries
    .map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => a - b)
  const median = times[Math.floor(times.length / 2)]
  return median === Number.POSITIVE_INFINITY ? undefined : median
}

async function measure(
  bench: TrialBench,
  window: LoadWindow,
  settings: Rfc2544Settings,
): Promise<WorkloadResult> {
  const { test, resolution, repeats } = settings
  const trialS = settings.trialS ?? window.measureS
  const wants = (name: Rfc2544Settings['test']): boolean => test === 'all' || test === name
  await bench.rate(Number.POSITIVE_INFINITY, Math.max(WARM_UP_S, window.warmUpS))
  const full = (await bench.rate(Number.POSITIVE_INFINITY, trialS)).sentFps
  if (!(full > 0)) throw new RingferryError('GUEST', 'rfc2544: the switch took no frame from the generator')
  const metrics: Record<string, number> = {}
  const ran: Record<string, unknown> = {
    trialS,
    repeats,
    fullSpeedFps: full,
    searchedUpToFps: full * HEADROOM,
  }
  let series: Series = {}
  if (test !== 'back-to-back') {
    const { ndr, pdr } = await throughput(bench, full, trialS, settings)
    metrics.ndrFps = ndr.rateFps
    metrics.pdrFps = pdr.rateFps
    Object.assign(ran, { ndr, pdr, generatorBound: pdr.limit === 'generator' || ndr.limit === 'generator' })
    // A device that always loses has no NDR: what is left to say, is said of its PDR.
    const base = ndr.rateFps > 0 ? ndr : pdr
    ran.loadsOf = base.rateFps === 0 ? 'none' : base === ndr ? 'ndr' : 'pdr'
    if (wants('latency') && base.rateFps > 0) {
      series = await latency(bench, base.rateFps, trialS)
      const half = (name: string): number | undefined =>
        series[name]?.find(([percent]) => percent === 50)?.[1]
      const [p50Us, p99Us] = [half('p50ByLoad'), half('p99ByLoad')]
      if (p50Us !== undefined && p99Us !== undefined) Object.assign(metrics, { p50Us, p99Us })
    }
    if (wants('recovery') && base.rateFps > 0) {
      const rates = { overFps: pdr.rateFps * OVERLOAD, thenFps: base.rateFps / 2 }
      const recoveries = await recover(bench, rates, trialS, settings.pdrLoss)
      const recoveryMs = medianRecoveryMs(recoveries)
      if (recoveryMs !== undefined) metrics.recoveryMs = recoveryMs
      ran.recovery = { ...rates, recoveries }
    }
  }
  if (wants('back-to-back')) {
    const maxFrames = Math.max(1024, Math.round(full * trialS * BURST_TRIALS))
    const burst = await bench.searchBurst(searchBurst({ maxFrames, resolution, repeats }))
    metrics.backToBackFrames = burst.frames
    ran.backToBack = { ...burst, maxFrames }
  }
  return { metrics, series, ran: { ...ran, trials: bench.trials } }
}

async function prepare(site: WorkloadSite, settings: Rfc2544Settings): Promise<PreparedWorkload> {
  const peer = peerOf('rfc2544', site)
  const { frameBytes } = settings
  const pair = await FramePair.start(peer, [site.vm], {
    frameBytes: frameBytes === 'imix' ? frameBytes : frameBytes - FCS_BYTES,
    arrivals: 'constant',
    seed: site.seed,
  })
  return {
    run: async (window) => {
      try {
        return await measure(new TrialBench(pair, window.signal), window, settings)
      } finally {
        pair.generator.setRate(0)
      }
    },
    close: () => pair.stop(),
  }
}

/** No-drop rate, partial-drop rate, delay by load, longest burst, recovery. Takes as long as its searches need. */
export const rfc2544: Workload<Rfc2544Settings> = {
  name: 'rfc2544',
  description: 'Searches the limits of the switch with frames: no-drop rate, delay by load, burst, recovery.',
  settings: settingsSchema,
  runsOn: ['embedded'],
  needsPeer: true,
  primary: 'pdrFps',
  gives: ['ndrFps', 'pdrFps', 'p50Us', 'p99Us', 'recoveryMs', 'backToBackFrames'],
  windows: 110,
  draws: ['p50ByLoad', 'p99ByLoad', 'lossByLoad'],
  prepare,
}
