import { z } from 'zod'
import { DELAY_METRICS, delayMetrics, lostIn, percentileCurve } from './delays.js'
import { needNode, peerOf } from './program.js'
import { preparePair } from './program-pair.js'
import type { FileClientSettings, FileReport } from './programs/file-client.js'
import type { FileServerSettings } from './programs/file-server.js'
import { firstAddress, portOf } from './server.js'
import type { PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const KB = 1024
const MB = 1024 * KB

const settingsSchema = z
  .strictObject({
    fileMb: z.int().min(1).max(1024).default(32).meta({ description: 'It lies in /tmp of the VM' }),
    blockKb: z.int().min(1).max(1024).default(64).meta({ description: 'Of one request' }),
    readShare: z.number().min(0).max(1).default(0.7).meta({ description: 'Part of the requests that read' }),
    concurrency: z.int().min(1).max(64).default(4).meta({ description: 'Requests under way at once' }),
  })
  .refine(({ fileMb, blockKb }) => (fileMb * MB) % (blockKb * KB) === 0, {
    message: 'the file must be whole blocks: fileMb is no multiple of blockKb',
  })
export type FileSettings = z.infer<typeof settingsSchema>

/** What the client counted, as a result. */
export function fileResult(report: FileReport, settings: FileSettings): WorkloadResult {
  const lost = lostIn({ warmUpS: 0, measureS: report.seconds }, report.errors)
  const mbpsOf = (requests: number): number => (requests * settings.blockKb * KB * 8) / report.seconds / 1e6
  return {
    metrics: {
      requestsPerS: (report.reads + report.writes) / report.seconds,
      readMbps: mbpsOf(report.reads),
      writeMbps: mbpsOf(report.writes),
      mbps: mbpsOf(report.reads + report.writes),
      ...delayMetrics(report, lost),
      errors: report.errors,
    },
    series: { percentiles: percentileCurve(report, lost) },
    ran: {
      program: `own HTTP file server and client, Node ${process.version}`,
      reads: report.reads,
      writes: report.writes,
      ...(report.lastError ? { lastError: report.lastError } : {}),
    },
  }
}

async function prepare(site: WorkloadSite, settings: FileSettings): Promise<PreparedWorkload> {
  const peer = peerOf('file', site)
  needNode('file', site.vm, peer)
  const file = {
    address: firstAddress(site.vm),
    port: portOf(site.slot),
    fileBytes: settings.fileMb * MB,
    blockBytes: settings.blockKb * KB,
  }
  const serving: Omit<FileServerSettings, 'folder'> = file
  const { readShare, concurrency } = settings
  const asking: FileClientSettings = { ...file, readShare, concurrency, seed: site.seed }
  return preparePair<FileReport>(
    {
      slot: site.slot,
      server: { vm: site.vm, name: 'file-server', settings: serving },
      client: { vm: peer, name: 'file-client', settings: asking },
    },
    (report) => fileResult(report, settings),
  )
}

/** File traffic as a network file system makes it: reads and writes of blocks at random offsets, closed loop. */
export const fileWorkload: Workload<FileSettings> = {
  name: 'file',
  description: 'Reads and writes of blocks of a file in the VM by the peer: HTTP ranges, NFS-like.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'requestsPerS',
  gives: ['requestsPerS', 'readMbps', 'writeMbps', 'mbps', 'errors', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare,
}
