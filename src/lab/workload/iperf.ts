/**
 * iperf3. The client is always the receiver (-R): its report then has the goodput of every interval as it arrived,
 * and, from the end of the test, what the sender knows: retransmits, and of datagrams how many it sent in every
 * interval. A receiver numbers what is lost by what comes after it, so where nothing comes it knows of no loss: what
 * was offered is asked of the sender. iperf3 takes whole seconds only, so a test is as long as needed and the window
 * is cut out of its intervals.
 */
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import { portOf, runCommand, type Server, startServer } from './server.js'
import type { LoadWindow, WorkloadSite } from './workload.js'

/** Of a VM, see bed.ts: two directions of as many fill the ports of a slot. */
const MAX_NICS = 8
/** Where the counts of the window's end are read on the same emulated processor, a little later. */
const EMULATED_TAIL_S = 3
/** Of the intervals in which a sender reports. */
const SENT_STEP_S = 0.25

/** What arrived between two times, in seconds since the test began. */
export interface Interval {
  readonly startS: number
  readonly endS: number
  readonly bytes: number
  /** UDP: numbered in this interval, and those of them that did not come. */
  readonly packets?: number
  readonly lost?: number
  readonly jitterUs?: number
}

export interface IperfReport {
  readonly version: string
  readonly intervals: readonly Interval[]
  /** UDP: what the sender sent, by its own intervals. */
  readonly sent?: readonly Interval[]
  /** TCP: of the whole test. */
  readonly retransmits?: number
}

const sumSchema = z.object({
  start: z.number(),
  end: z.number(),
  bytes: z.number(),
  packets: z.number().optional(),
  lost_packets: z.number().optional(),
  jitter_ms: z.number().optional(),
})
const intervalsSchema = z.array(z.object({ sum: sumSchema })).default([])
const reportSchema = z.object({
  start: z.object({ version: z.string().default('unknown') }).prefault({}),
  intervals: intervalsSchema,
  server_output_json: z.object({ intervals: intervalsSchema }).optional(),
  end: z.object({ sum_sent: z.object({ retransmits: z.number().optional() }).optional() }).prefault({}),
  error: z.string().optional(),
})

function readIntervals(intervals: z.infer<typeof intervalsSchema>): Interval[] {
  return intervals.map(({ sum }) => ({
    startS: sum.start,
    endS: sum.end,
    bytes: sum.bytes,
    ...(sum.packets === undefined ? {} : { packets: sum.packets, lost: sum.lost_packets ?? 0 }),
    ...(sum.jitter_ms === undefined ? {} : { jitterUs: sum.jitter_ms * 1000 }),
  }))
}

/** Reads what `iperf3 -J` printed, as its receiving client. Throws GUEST with iperf3's own words. */
export function parseIperf(text: string, where: string): IperfReport {
  let data: unknown
  try {
    // Warnings come before the report.
    data = JSON.parse(text.slice(Math.max(0, text.indexOf('{'))))
  } catch (cause) {
    const line = text.trim().split('\n')[0] || 'nothing'
    throw new RingferryError('GUEST', `${where}: iperf3 printed no report but: ${line}`, { cause })
  }
  const parsed = reportSchema.safeParse(data)
  if (!parsed.success)
    throw new RingferryError('GUEST', `${where}: iperf3's report is not as expected: ${parsed.error.message}`)
  const { start, intervals, server_output_json: server, end, error } = parsed.data
  if (error !== undefined) throw new RingferryError('GUEST', `${where}: iperf3: ${error}`)
  if (intervals.length === 0) throw new RingferryError('GUEST', `${where}: iperf3 reported no interval`)
  const retransmits = end.sum_sent?.retransmits
  return {
    version: start.version,
    intervals: readIntervals(intervals),
    ...(server === undefined ? {} : { sent: readIntervals(server.intervals) }),
    ...(retransmits === undefined ? {} : { retransmits }),
  }
}

/** The window of a test: sums of its intervals, each by the share of it that lies inside. */
export interface Cut {
  /** How much of the window the intervals cover. */
  readonly seconds: number
  readonly bytes: number
  readonly packets: number
  readonly lost: number
  /** Mean of the intervals' figures. */
  readonly jitterUs: number
}

/** Cuts [fromS, toS) out of a test's intervals. */
export function cutWindow(intervals: readonly Interval[], fromS: number, toS: number): Cut {
  const cut = { seconds: 0, bytes: 0, packets: 0, lost: 0, jitterUs: 0 }
  for (const interval of intervals) {
    const length = interval.endS - interval.startS
    const inside = Math.min(toS, interval.endS) - Math.max(fromS, interval.startS)
    if (length <= 0 || inside <= 0) continue
    const share = inside / length
    cut.seconds += inside
    cut.bytes += interval.bytes * share
    cut.packets += (interval.packets ?? 0) * share
    cut.lost += (interval.lost ?? 0) * share
    cut.jitterUs += (interval.jitterUs ?? 0) * inside
  }
  return { ...cut, jitterUs: cut.seconds > 0 ? cut.jitterUs / cut.seconds : 0 }
}

/** The larger part of the window must have been measured. Throws GUEST. */
export function checkCut(cut: Cut, window: LoadWindow, where: string): void {
  if (cut.seconds >= window.measureS / 2) return
  const said = `${cut.seconds.toFixed(2)} of ${window.measureS} s`
  throw new RingferryError(
    'GUEST',
    `${where}: the load ended early: only ${said} of the window were measured`,
  )
}

/** Intervals of several tests that ran side by side, as throughput over time: seconds into the window, Mb/s. */
export function throughputCurve(
  tests: readonly (readonly Interval[])[],
  window: Pick<LoadWindow, 'warmUpS' | 'measureS'>,
): [number, number][] {
  const { warmUpS, measureS } = window
  const points = Math.max(1, Math.min(40, Math.round(measureS / 0.1)))
  const stepS = measureS / points
  return Array.from({ length: points }, (_, index) => {
    const fromS = warmUpS + index * stepS
    const bytes = tests.reduce((sum, test) => sum + cutWindow(test, fromS, fromS + stepS).bytes, 0)
    return [(index + 0.5) * stepS, (bytes * 8) / 1e6 / stepS]
  })
}

export const DIRECTIONS = ['to_vm', 'from_vm', 'both'] as const
export type LoadDirection = (typeof DIRECTIONS)[number]

/** One stream of load: data goes from a NIC of one VM to a NIC of another. */
export interface Flow {
  readonly sender: BedVm
  readonly receiver: BedVm
  /** Number of the NIC, the same in both. */
  readonly nic: number
  readonly port: number
}

/** The flows of a direction on the first NICs of both VMs, each with a port of its own in the workload's slot. */
export function flowsOf(site: WorkloadSite, peer: BedVm, direction: LoadDirection, nics: number): Flow[] {
  const { vm, slot } = site
  const ways = [
    ...(direction === 'from_vm' ? [] : [{ sender: peer, receiver: vm }]),
    ...(direction === 'to_vm' ? [] : [{ sender: vm, receiver: peer }]),
  ]
  return ways.flatMap((way, index) =>
    Array.from({ length: nics }, (_, nic) => ({ ...way, nic, port: portOf(slot, index * MAX_NICS + nic) })),
  )
}

/** The addresses of a flow's ends. Throws CONFIG when a VM has no such NIC. */
export function flowAddresses({ sender, receiver, nic }: Flow): {
  readonly from: string
  readonly to: string
} {
  const [from, to] = [sender.addresses[nic], receiver.addresses[nic]]
  if (from !== undefined && to !== undefined) return { from, to }
  const vm = from === undefined ? sender : receiver
  throw new RingferryError(
    'CONFIG',
    `VM ${vm.name} has ${vm.addresses.length} NICs; NIC ${nic} was asked for`,
  )
}

/** Starts the sending end: it serves one test after the other. */
export function startIperfServer(flow: Flow): Promise<Server> {
  const { from } = flowAddresses(flow)
  // In JSON and in short intervals, for a client that asks what was sent in its window.
  return startServer(flow.sender, `exec iperf3 -s -J -i ${SENT_STEP_S} -B ${from} -p ${flow.port}`, flow)
}

/** The client's command line. @param options e.g. "-P 4" or "-u -b 1000 -l 64" */
export function iperfCommand(flow: Flow, window: LoadWindow, options: string): string {
  const { from, to } = flowAddresses(flow)
  const tailS = flow.receiver.kind === 'xen' || flow.sender.kind === 'xen' ? EMULATED_TAIL_S : 0
  const seconds = Math.max(1, Math.ceil(window.warmUpS + window.measureS) + tailS)
  // Long tests in longer steps: each interval of each connection is half a kilobyte of report.
  const stepS = Math.max(0.1, Math.round(window.measureS) / 40).toFixed(2)
  // When it fails, its report says why.
  return `iperf3 -c ${from} -B ${to} -p ${flow.port} -R -J -t ${seconds} -i ${stepS} --connect-timeout 5000 ${options} 2>&1 || :`
}

/** Runs a test over warm-up and window. Throws GUEST, INTERRUPTED. */
export async function runIperf(flow: Flow, window: LoadWindow, options: string): Promise<IperfReport> {
  const timeoutMs = (window.warmUpS + window.measureS + 60) * 1000
  const { receiver } = flow
  const text = await runCommand(receiver, iperfCommand(flow, window, options), window.signal, timeoutMs)
  return parseIperf(text, `VM ${receiver.name}`)
}
