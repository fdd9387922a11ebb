/**
 * The lab's workloads as models: `{ kind: workload, run: web, vm: v, peer: eth0, settings: { fileKb: 100 } }` becomes traffic
 * of the simulator, with the settings that the lab's workload has and its defaults.
 */
import { check, firstMistake } from '../config/schema-check.js'
import { didYouMean } from '../errors/suggestion.js'
import type { FramesSettings } from '../lab/workload/frames.js'
import { findWorkload, WORKLOADS } from '../lab/workload/registry.js'
import { framesTraffic } from './frames-traffic.js'

/** An entry of a model file, before its defaults are filled in; `from` and `to` among them. */
export type TrafficEntry = Readonly<Record<string, unknown>>

/** What a workload is: traffic, and the share of a processor that its VM computes. */
export interface ModelledWorkload {
  readonly traffic: readonly TrafficEntry[]
  readonly computes: number
}

type Settings = Readonly<Record<string, unknown>>

/** Ethernet, IPv4 and UDP. */
const UDP_HEADER_BYTES = 42
const SEGMENT_BYTES = 1448
/** Full frame without checksum. */
const FRAME_BYTES = 1514
/** Bulk TCP of a kernel of today: segmentation offload, a window for a data centre. */
const BULK = {
  kind: 'tcp',
  windowBytes: 1 << 20,
  segmentBytes: SEGMENT_BYTES,
  offloadBytes: 16 * SEGMENT_BYTES,
}
/** A request of HTTP or of a file; what a web server computes for an answer: assumed. */
const REQUEST_BYTES = 300
const WEB_SERVICE_US = 30
const KILOBYTE = 1024
/** 16 KB of segments, which a paced sender sends back to back. */
const TRAIN_FRAMES = 11

/** Ends by the direction that a workload is told, which is named from the VM. */
const ends = (direction: unknown, vm: string, peer: string): TrafficEntry =>
  direction === 'from_vm' ? { from: vm, to: peer } : { from: peer, to: vm }

/** A rate in frames a second; 0 is as fast as possible: line rate, or a share of it. */
const rated = (rateFps: number, share = 1): TrafficEntry => (rateFps > 0 ? { rateFps } : { load: share })

/** Why settings are not modelled, or what they are as a model. */
type Maker = (settings: Settings, vm: string, peer: string) => ModelledWorkload | string

const traffic = (...entries: readonly TrafficEntry[]): ModelledWorkload => ({ traffic: entries, computes: 0 })

const MAKERS: Readonly<Record<string, Maker>> = {
  bulk: ({ direction, connections }, vm, peer) =>
    traffic({ ...BULK, connections, ...ends(direction, vm, peer) }),
  'udp-stream': ({ payloadBytes, frameBytes, rateFps, direction }, vm, peer) => {
    const bytes = Number(frameBytes ?? Number(payloadBytes ?? 64) + UDP_HEADER_BYTES)
    return traffic({
      kind: 'open',
      ...rated(Number(rateFps)),
      frameBytes: bytes,
      ...ends(direction, vm, peer),
    })
  },
  frames: (settings, vm, peer) =>
    traffic(
      ...framesTraffic(settings as FramesSettings, [vm, peer]).map(({ rateFps, share, ...each }) => ({
        ...{ kind: 'open', ...each },
        ...rated(rateFps, share),
      })),
    ),
  'request-response': ({ mode, bytes, connections }, vm, peer) =>
    mode === 'crr'
      ? 'settings.mode: crr is not modelled: a model has no opening of connections'
      : traffic({
          ...{ kind: 'requests', connections, requestBytes: bytes, answerBytes: bytes },
          ...{ from: peer, to: vm },
        }),
  latency: ({ rateFps, bytes }, vm, peer) =>
    traffic({
      ...{ kind: 'requests', connections: 1, requestBytes: bytes, answerBytes: bytes },
      ...{ thinkUs: 1e6 / Number(rateFps), from: peer, to: vm },
    }),
  web: ({ fileKb, connections, keepAlive }, vm, peer) =>
    keepAlive === false
      ? 'settings.keepAlive: false is not modelled: a model has no opening of connections'
      : traffic({
          ...{ kind: 'requests', connections, requestBytes: REQUEST_BYTES, serviceUs: WEB_SERVICE_US },
          ...{ answerBytes: Number(fileKb) * KILOBYTE, from: peer, to: vm },
        }),
  streaming: ({ flows, mbpsPerFlow }, vm, peer) =>
    traffic({
      ...{ kind: 'open', frameBytes: FRAME_BYTES, arrivals: { kind: 'trains', frames: TRAIN_FRAMES } },
      rateFps: (Number(flows) * Number(mbpsPerFlow) * 1e6) / (FRAME_BYTES * 8),
      ...{ from: vm, to: peer },
    }),
  file: ({ blockKb, readShare, concurrency }, vm, peer) => {
    const block = Number(blockKb) * KILOBYTE
    const reading = Math.round(Number(concurrency) * Number(readShare))
    const of = (connections: number, requestBytes: number, answerBytes: number): TrafficEntry[] =>
      connections === 0
        ? []
        : [{ kind: 'requests', connections, requestBytes, answerBytes, from: peer, to: vm }]
    return traffic(
      ...of(reading, REQUEST_BYTES, block),
      ...of(Number(concurrency) - reading, block, REQUEST_BYTES),
    )
  },
  migration: (_, vm, peer) => traffic({ ...BULK, connections: 1, from: vm, to: peer }),
  'cpu-hog': () => ({ traffic: [], computes: 1 }),
  idle: () => ({ traffic: [], computes: 0 }),
}

/** Names of workloads that are modelled. */
export const MODELLED_WORKLOADS = WORKLOADS.map(({ name }) => name).filter((name) =>
  Object.hasOwn(MAKERS, name),
)

/** A workload as a model, or what is wrong with it in words. */
export function modelWorkload(
  run: string,
  settings: Settings,
  [vm, peer]: readonly [string, string],
): ModelledWorkload | string {
  const make = Object.hasOwn(MAKERS, run) ? MAKERS[run] : undefined
  if (!make) {
    const exists = WORKLOADS.some(({ name }) => name === run)
    return `run: ${exists ? `the workload "${run}" is not modelled` : `there is no workload "${run}"${didYouMean(run, MODELLED_WORKLOADS)}`}; there are: ${MODELLED_WORKLOADS.join(', ')}`
  }
  const { value, mistakes } = check(findWorkload(run).settings, settings, 'settings')
  if (mistakes) return `settings: ${firstMistake(mistakes, 'settings')}`
  return make(value as Settings, vm, peer)
}
