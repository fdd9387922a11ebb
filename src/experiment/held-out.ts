/**
 * Published figures that no cost was fitted to, predicted: the model of the founding document's machine, changed as each source
 * says that it changed its own. Nothing here may be tuned until a prediction fits.
 */
import type { Model, TcpTraffic } from '../sim/model.js'
import type { Results } from '../sim/results.js'
import { type SeedCase, seedModel } from '../sim/seed.js'
import { stepsOf } from '../sim/steps.js'
import type { Interval } from '../stats/interval.js'
import { intervalOf, type ReplicationRules, replicate } from './replicate.js'

/** A published ratio: after / before. */
export interface HeldOutCase {
  readonly what: string
  readonly source: string
  /** One figure, or the ends of what was published. */
  readonly published: readonly [low: number, high: number]
  /** What of it the model is told, and what of that is assumed. */
  readonly assumed: string
  readonly before: Model
  readonly after: Model
}

/** A case predicted. */
export interface Prediction extends Omit<HeldOutCase, 'before' | 'after'> {
  readonly predicted: Interval
  /** Predicted / published - 1; 0 within the published range. */
  readonly error: number
}

const SEGMENT_BYTES = 1448
const PAGE_BYTES = 4096
/** Segments of the largest frame. */
const OFFLOAD_SEGMENTS = 44
/** Packets that become one before the stack: assumed. */
const AGGREGATED = 20
/** Frames of a container: assumed. */
const CONTAINER = 64
const PER_PACKET_FPS = 1.4e6

const MENON_2006 = "Menon, Cox, Zwaenepoel, USENIX ATC '06"
const MENON_2008 = "Menon, Zwaenepoel, USENIX ATC '08"
const MENON_2009 = "Menon, Schubert, Zwaenepoel, ASPLOS '09 (TwinDrivers)"
const BOURGUIBA = 'Bourguiba, Haddadou, El Korbi, Pujolle, 2010-2014'

const one = (change: Partial<SeedCase> & Pick<SeedCase, 'direction'>): Model =>
  seedModel({ architecture: 'xen', device: 'paravirtual', place: 'guest', ...change })

/** The model with steps divided: what is done once for so many frames. */
function shared(model: Model, names: readonly string[], among: number): Model {
  const steps = stepsOf(model).filter(({ name }) => names.includes(name))
  const costs = Object.fromEntries(steps.map(({ name, cycles }) => [name, cycles / among]))
  return { ...model, costs: { ...model.costs, ...costs } }
}

function withOffload(model: Model): Model {
  const frameBytes = OFFLOAD_SEGMENTS * SEGMENT_BYTES
  const grant = stepsOf(model).find(({ name }) => name === 'grant, page from the guest')
  return {
    ...model,
    costs: { 'grant, page from the guest': grant!.cycles * Math.ceil(frameBytes / PAGE_BYTES) },
    traffic: model.traffic.map((traffic) => ({
      ...(traffic as TcpTraffic),
      offloadBytes: frameBytes,
      windowBytes: 4 * (traffic as TcpTraffic).windowBytes,
    })),
  }
}

/** Small frames to one guest, domains on one processor. */
function smallFrames(policy: Model['policy']): Model {
  const model = one({ direction: 'receive' })
  return {
    ...model,
    policy,
    traffic: [
      {
        ...{ kind: 'open', label: 'small frames', from: model.nics[0]!.name, to: model.vms[0]!.name },
        ...{ rateFps: PER_PACKET_FPS, frameBytes: 60, arrivals: { kind: 'poisson' }, urgentShare: 0 },
      },
    ],
  }
}

const CHANNEL = ['grant, page to the guest', 'netback receive', 'frontend receive']

export function heldOutCases(): HeldOutCase[] {
  const [transmit, receive] = [one({ direction: 'transmit' }), one({ direction: 'receive' })]
  const native = one({ architecture: 'native', place: 'native', direction: 'receive' })
  const isAggregated = [
    'stack receive',
    'bridge',
    'netback receive',
    'frontend receive',
    'hypervisor receive',
  ]
  return [
    {
      ...{ what: 'guest TX, optimised', source: MENON_2006, published: [4.4, 4.4] },
      assumed: `segmentation offload with frames of ${OFFLOAD_SEGMENTS} segments, a grant a page`,
      before: transmit,
      after: withOffload(transmit),
    },
    {
      ...{ what: 'native RX, packets aggregated', source: MENON_2008, published: [1.45, 1.67] },
      assumed: `the stack sees one packet in ${AGGREGATED}`,
      before: native,
      after: shared(native, isAggregated, AGGREGATED),
    },
    {
      ...{ what: 'guest RX, packets aggregated', source: MENON_2008, published: [1.86, 1.86] },
      assumed: `bridge, channel and stack see one packet in ${AGGREGATED}`,
      before: receive,
      after: shared(receive, isAggregated, AGGREGATED),
    },
    {
      ...{ what: 'guest TX, driver in the hypervisor', source: MENON_2009, published: [2.4, 2.4] },
      assumed: 'the steps of a Type-I VMM',
      before: transmit,
      after: one({ architecture: 'type-1', direction: 'transmit' }),
    },
    {
      ...{ what: 'guest RX, driver in the hypervisor', source: MENON_2009, published: [2.1, 2.1] },
      assumed: 'the steps of a Type-I VMM',
      before: receive,
      after: one({ architecture: 'type-1', direction: 'receive' }),
    },
    {
      ...{ what: 'guest RX in containers, frames/s', source: BOURGUIBA, published: [8, 8] },
      assumed: `60-byte frames, the channel's steps once for ${CONTAINER} of them`,
      before: smallFrames({ name: 'per-packet' }),
      after: shared(smallFrames({ name: 'natural' }), CHANNEL, CONTAINER),
    },
  ]
}

const RULES: ReplicationRules = { min: 3, max: 3, halfWidth: 0.02, of: 'mbps' }

/** Predicts all of them. @param onCase called after each, with how many there are */
export function predictHeldOut(
  options: { readonly seed: number; readonly plane: WebAssembly.Module },
  onCase: (prediction: Prediction, of: number) => void = () => {},
): Prediction[] {
  const cases = heldOutCases()
  // Several cases begin with the same model.
  const known = new Map<Model, readonly Results[]>()
  const run = (model: Model): readonly Results[] => {
    const runs = known.get(model) ?? replicate(model, { ...options, rules: RULES, warmUp: 'given' }).runs
    known.set(model, runs)
    return runs
  }
  return cases.map(({ before, after, ...about }) => {
    const [first, second] = [run(before), run(after)]
    // The same seeds meet the same arrivals: ratios are taken pair by pair.
    const ratios = second.map((result, at) => ({ ...result, mbps: result.mbps / first[at]!.mbps }))
    const predicted = intervalOf(ratios, ({ mbps }) => mbps)
    const [low, high] = about.published
    const nearest = Math.min(high, Math.max(low, predicted.estimate))
    const prediction = { ...about, predicted, error: predicted.estimate / nearest - 1 }
    onCase(prediction, cases.length)
    return prediction
  })
}
