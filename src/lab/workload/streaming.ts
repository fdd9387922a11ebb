import { z } from 'zod'
import { DELAY_METRICS, delayMetrics, lostIn, percentileCurve } from './delays.js'
import { needNode, peerOf } from './program.js'
import { preparePair } from './program-pair.js'
import type { StreamingClientSettings, StreamingReport } from './programs/streaming-client.js'
import type { StreamingServerSettings } from './programs/streaming-server.js'
import { firstAddress, portOf } from './server.js'
import type { PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const settingsSchema = z
  .strictObject({
    flows: z.int().min(1).max(256).default(8).meta({ description: 'Players, a connection each' }),
    mbpsPerFlow: z.number().positive().max(1000).default(4).meta({ description: 'Rate of the media' }),
    segmentS: z.number().min(0.05).max(10).default(0.5).meta({ description: 'Playing time of a segment' }),
    bufferS: z.number().positive().max(60).default(1).meta({ description: 'What a player holds at most' }),
  })
  .refine(({ segmentS, bufferS }) => bufferS >= segmentS, {
    message: 'the buffer must hold a segment: bufferS is below segmentS',
  })
export type StreamingSettings = z.infer<typeof settingsSchema>

/** Bytes of one segment, at least one. */
export function segmentBytes({ mbpsPerFlow, segmentS }: StreamingSettings): number {
  return Math.max(1, Math.round((mbpsPerFlow * 1e6 * segmentS) / 8))
}

/** What the players saw, as a result. */
export function streamingResult(report: StreamingReport, settings: StreamingSettings): WorkloadResult {
  const lost = lostIn({ warmUpS: 0, measureS: report.seconds }, report.errors)
  return {
    metrics: {
      mbps: (report.bytes * 8) / report.seconds / 1e6,
      rebuffers: report.rebuffers,
      stalledRatio: Math.min(1, report.stalledS / (report.seconds * settings.flows)),
      ...(report.jitterUs === null ? {} : { jitterUs: report.jitterUs }),
      ...delayMetrics(report, lost),
      errors: report.errors,
    },
    series: { percentiles: percentileCurve(report, lost) },
    ran: {
      program: `own HTTP server and players, Node ${process.version}`,
      segmentBytes: segmentBytes(settings),
      segments: report.count,
      jitter: 'mean |D| of RFC 3550 6.4.1 without its filter',
      ...(report.lastError ? { lastError: report.lastError } : {}),
    },
  }
}

async function prepare(site: WorkloadSite, settings: StreamingSettings): Promise<PreparedWorkload> {
  const peer = peerOf('streaming', site)
  needNode('streaming', site.vm, peer)
  const place = { address: firstAddress(site.vm), port: portOf(site.slot) }
  const bytes = segmentBytes(settings)
  const serving: StreamingServerSettings = { ...place, maxBytes: bytes }
  const { flows, segmentS, bufferS } = settings
  const playing: StreamingClientSettings = { ...place, flows, segmentS, bufferS, segmentBytes: bytes }
  return preparePair<StreamingReport>(
    {
      slot: site.slot,
      server: { vm: site.vm, name: 'streaming-server', settings: serving },
      client: { vm: peer, name: 'streaming-client', settings: playing },
    },
    (report) => streamingResult(report, settings),
  )
}

/**
 * Streaming media as HTTP players fetch it (HLS, DASH): segments on request, paced by playing. Delays are from the
 * moment a segment was due to be asked for until it was there. The stalled share counts all flows; the first fill
 * of a buffer counts only where it reaches into the window.
 */
export const streamingWorkload: Workload<StreamingSettings> = {
  name: 'streaming',
  description: 'Media segments over HTTP from the VM, played by the peer with a bounded buffer.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'mbps',
  gives: ['mbps', 'rebuffers', 'stalledRatio', 'jitterUs', 'errors', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare,
}
