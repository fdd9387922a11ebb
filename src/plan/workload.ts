/** What each VM of a plan does: `KIND[:SIZE][@RATE]`, as `web:10KB@500/s`. */
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import {
  OPEN_DEFAULTS,
  REQUEST_DEFAULTS,
  type RequestTraffic,
  TCP_DEFAULTS,
  type Traffic,
} from '../sim/model.js'
import type { TrafficResult } from '../sim/results.js'
import { BIT_RATE, FREQUENCY, parseQuantity, SIZE, type Units } from './quantity.js'

/** What one VM does and what it must get. */
export interface Workload {
  /** As it was written, with what was left out. */
  readonly text: string
  /** In a sentence: "each VM ...". */
  readonly does: string
  /** Of a VM, from or to a NIC. */
  traffic(vm: string, nic: string): Traffic
  /** What it must carry, in `unit`; `carried` says what it did. */
  readonly demand: number
  readonly unit: 'requests/s' | 'frames/s' | 'Mb/s'
  carried(result: TrafficResult): number
}

interface Written {
  readonly bytes: number
  readonly rate: number
}

interface Kind {
  readonly sizes?: string
  readonly rate: string
  readonly rates: Units
  make(written: Written): Omit<Workload, 'text' | 'demand'>
}

/** Between answer and next question of one client, where the rate allows it. */
const THINK_US = 20_000
/** What a web server computes for an answer: assumed. */
const WEB_SERVICE_US = 30
const WEB_REQUEST_BYTES = 300
/** Frames that a paced sender sends back to back: 16 KB of segments. */
const TRAIN_FRAMES = 11
const SEGMENT_BYTES = 1448
/** A full frame, without checksum. */
export const FRAME_BYTES = 1514

const number = (value: number): string => Number(value.toPrecision(4)).toString()

/** So many clients that, thinking between their requests, they make the rate. */
function requests(rate: number, of: Partial<RequestTraffic>): Omit<RequestTraffic, 'label' | 'from' | 'to'> {
  const connections = Math.max(1, Math.round((rate * THINK_US) / 1e6))
  return { ...REQUEST_DEFAULTS, ...of, connections, thinkUs: (connections / rate) * 1e6 }
}

const asked = { unit: 'requests/s', carried: (result: TrafficResult) => result.transactionsPerS } as const
const bitsCarried = { unit: 'Mb/s', carried: (result: TrafficResult) => result.mbps } as const

/** Bulk TCP with a window for the wire of a data centre. */
const bulk = { ...TCP_DEFAULTS, windowBytes: 1 << 20, offloadBytes: 16 * SEGMENT_BYTES }

const KINDS: Readonly<Record<string, Kind>> = {
  web: {
    sizes: '10KB',
    rate: '1000/s',
    rates: FREQUENCY,
    make: ({ bytes, rate }) => ({
      ...asked,
      does: `answers ${number(rate)} requests/s with ${number(bytes)} bytes each`,
      traffic: (vm, nic) => ({
        ...requests(rate, {
          requestBytes: WEB_REQUEST_BYTES,
          answerBytes: bytes,
          serviceUs: WEB_SERVICE_US,
        }),
        ...{ label: vm, from: nic, to: vm },
      }),
    }),
  },
  rpc: {
    sizes: '64B',
    rate: '1000/s',
    rates: FREQUENCY,
    make: ({ bytes, rate }) => ({
      ...asked,
      does: `answers ${number(rate)} requests/s of ${number(bytes)} bytes with as many`,
      traffic: (vm, nic) => ({
        ...requests(rate, { requestBytes: bytes, answerBytes: bytes }),
        ...{ label: vm, from: nic, to: vm },
      }),
    }),
  },
  udp: {
    sizes: '64B',
    rate: '10k/s',
    rates: FREQUENCY,
    make: ({ bytes, rate }) => ({
      unit: 'frames/s',
      does: `receives ${number(rate)} frames/s of ${number(bytes)} bytes (Poisson)`,
      carried: ({ fps }) => fps,
      traffic: (vm, nic) => ({
        ...OPEN_DEFAULTS,
        ...{ label: vm, from: nic, to: vm, rateFps: rate, frameBytes: bytes },
      }),
    }),
  },
  streaming: {
    rate: '5Mb/s',
    rates: BIT_RATE,
    make: ({ rate }) => ({
      ...bitsCarried,
      does: `sends streams of ${number(rate / 1e6)} Mb/s together, paced`,
      traffic: (vm, nic) => ({
        ...OPEN_DEFAULTS,
        ...{ label: vm, from: vm, to: nic, rateFps: rate / (FRAME_BYTES * 8), frameBytes: FRAME_BYTES },
        arrivals: { kind: 'trains', frames: TRAIN_FRAMES },
      }),
    }),
  },
  send: {
    rate: '100Mb/s',
    rates: BIT_RATE,
    make: ({ rate }) => ({
      ...bitsCarried,
      does: `sends a file by TCP, at least ${number(rate / 1e6)} Mb/s while all do`,
      traffic: (vm, nic) => ({ ...bulk, label: vm, from: vm, to: nic }),
    }),
  },
  receive: {
    rate: '100Mb/s',
    rates: BIT_RATE,
    make: ({ rate }) => ({
      ...bitsCarried,
      does: `receives a file by TCP, at least ${number(rate / 1e6)} Mb/s while all do`,
      traffic: (vm, nic) => ({ ...bulk, label: vm, from: nic, to: vm }),
    }),
  },
}

export const WORKLOAD_KINDS = Object.keys(KINDS)

/** For help: each kind with what is taken when size or rate is left out. */
export const WORKLOAD_HELP = Object.entries(KINDS)
  .map(([name, { sizes, rate }]) => `${name}${sizes === undefined ? '' : `:${sizes}`}@${rate}`)
  .join(', ')

/** Reads a workload. Throws USAGE. */
export function parseWorkload(text: string): Workload {
  const [, name = '', size, rate] = /^([^:@]*)(?::([^@]*))?(?:@(.*))?$/.exec(text.trim()) ?? []
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  if (!kind)
    throw new RingferryError(
      'USAGE',
      `--workload: there is no workload "${name}"${didYouMean(name, WORKLOAD_KINDS)}; write one of ${WORKLOAD_HELP}`,
    )
  if (size !== undefined && kind.sizes === undefined)
    throw new RingferryError('USAGE', `--workload: "${name}" has no size; write ${name}@${kind.rate}`)
  const [sizeText, rateText] = [size ?? kind.sizes, rate ?? kind.rate]
  const bytes = sizeText === undefined ? 0 : parseQuantity(sizeText, '--workload', SIZE)
  const perSecond = parseQuantity(rateText, '--workload', kind.rates)
  const workload = kind.make({ bytes: Math.round(bytes), rate: perSecond })
  return {
    ...workload,
    text: `${name}${sizeText === undefined ? '' : `:${sizeText}`}@${rateText}`,
    demand: kind.rates === BIT_RATE ? perSecond / 1e6 : perSecond,
  }
}
