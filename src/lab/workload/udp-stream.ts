import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import {
  checkCut,
  cutWindow,
  DIRECTIONS,
  type Flow,
  flowsOf,
  type IperfReport,
  runIperf,
  startIperfServer,
  throughputCurve,
} from './iperf.js'
import { peerOf } from './program.js'
import { needProgram, startAll } from './server.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

/** Ethernet, IPv4 and UDP headers in front of the payload. */
const HEADER_BYTES = 14 + 20 + 8
/** What iperf3 needs for its own numbers. */
const MIN_PAYLOAD_BYTES = 16
const DEFAULT_PAYLOAD_BYTES = 64

const settingsSchema = z
  .strictObject({
    payloadBytes: z
      .int()
      .min(MIN_PAYLOAD_BYTES)
      .max(1472)
      .optional()
      .meta({ description: `UDP payload. Default ${DEFAULT_PAYLOAD_BYTES}` }),
    frameBytes: z
      .int()
      .min(MIN_PAYLOAD_BYTES + HEADER_BYTES)
      .max(1514)
      .optional()
      .meta({ description: 'Instead of payloadBytes: the whole frame without its checksum' }),
    rateFps: z.number().min(0).default(0).meta({ description: '0: as fast as possible' }),
    direction: z.enum(DIRECTIONS).default('to_vm').meta({ description: 'Named from the VM' }),
  })
  .refine((settings) => settings.payloadBytes === undefined || settings.frameBytes === undefined, {
    message: 'give payloadBytes or frameBytes, not both',
  })
export type UdpStreamSettings = z.infer<typeof settingsSchema>

/** UDP payload in bytes that the settings mean. */
export function payloadOf(settings: Pick<UdpStreamSettings, 'payloadBytes' | 'frameBytes'>): number {
  if (settings.frameBytes !== undefined) return settings.frameBytes - HEADER_BYTES
  return settings.payloadBytes ?? DEFAULT_PAYLOAD_BYTES
}

/** What a stream's sender sent in the window. Throws GUEST when it did not say. */
function sentIn({ sent }: IperfReport, window: LoadWindow, vm: string | undefined): number {
  const cut = cutWindow(sent ?? [], window.warmUpS, window.warmUpS + window.measureS)
  if (cut.seconds > 0) return cut.packets / cut.seconds
  throw new RingferryError('GUEST', `VM ${vm}: iperf3's sender did not report what it sent`)
}

/** Frames of several streams in the window, all together; the jitter is the worst stream's. Throws GUEST. */
export function udpResult(
  flows: readonly Flow[],
  reports: readonly IperfReport[],
  window: LoadWindow,
): WorkloadResult {
  const sum = { fps: 0, offeredFps: 0, mbps: 0, jitterUs: 0 }
  for (const [index, { intervals }] of reports.entries()) {
    const cut = cutWindow(intervals, window.warmUpS, window.warmUpS + window.measureS)
    checkCut(cut, window, `VM ${flows[index]?.receiver.name}`)
    sum.offeredFps += sentIn(reports[index] as IperfReport, window, flows[index]?.sender.name)
    sum.fps += (cut.packets - cut.lost) / cut.seconds
    sum.mbps += (cut.bytes * 8) / 1e6 / cut.seconds
    sum.jitterUs = Math.max(sum.jitterUs, cut.jitterUs)
  }
  // At the edges of the window frames are under way.
  const lossRatio = sum.offeredFps > 0 ? Math.max(0, 1 - sum.fps / sum.offeredFps) : 0
  return {
    metrics: { ...sum, lossRatio },
    series: {
      mbps: throughputCurve(
        reports.map((report) => report.intervals),
        window,
      ),
    },
  }
}

async function prepare(site: WorkloadSite, settings: UdpStreamSettings): Promise<PreparedWorkload> {
  const peer = peerOf('udp-stream', site)
  await needProgram('iperf3', 'iperf3', site.vm, peer)
  const flows = flowsOf(site, peer, settings.direction, 1)
  const servers = await startAll(flows.map(startIperfServer))
  const payloadBytes = payloadOf(settings)
  const options = `--get-server-output -u -l ${payloadBytes} -b ${Math.round(settings.rateFps * payloadBytes * 8)}`
  return {
    run: async (window) => {
      const reports = await Promise.all(flows.map((flow) => runIperf(flow, window, options)))
      const ran = {
        program: reports[0]?.version,
        options,
        payloadBytes,
        frameBytes: payloadBytes + HEADER_BYTES,
      }
      return { ...udpResult(flows, reports, window), ran }
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

/** Datagrams of one size on the first NIC, at a rate or as fast as possible. */
export const udpStream: Workload<UdpStreamSettings> = {
  name: 'udp-stream',
  description: 'UDP datagrams of one size, at a rate or as fast as possible; what arrives and what is lost.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'fps',
  gives: ['fps', 'offeredFps', 'mbps', 'jitterUs', 'lossRatio'],
  draws: ['mbps'],
  prepare,
}
