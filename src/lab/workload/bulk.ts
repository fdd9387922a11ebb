import { z } from 'zod'
import { findTool } from '../guest/tools.js'
import {
  checkCut,
  cutWindow,
  DIRECTIONS,
  type Flow,
  flowAddresses,
  flowsOf,
  type IperfReport,
  runIperf,
  startIperfServer,
  throughputCurve,
} from './iperf.js'
import { GuestProgram, peerOf } from './program.js'
import type { BulkReceiverReport, BulkReceiverSettings } from './programs/bulk-receiver.js'
import type { BulkSenderSettings } from './programs/bulk-sender.js'
import { needProgram, startAll } from './server.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({
  direction: z.enum(DIRECTIONS).default('to_vm').meta({ description: 'Named from the VM' }),
  connections: z.int().min(1).max(64).default(1).meta({ description: 'On each NIC' }),
  nics: z.int().min(1).max(8).optional().meta({ description: 'Default: all that both VMs have' }),
  tool: z
    .enum(['auto', 'iperf3', 'own'])
    .default('auto')
    .meta({ description: 'auto: iperf3 where this machine has it, installed or fetched, for all VMs alike' }),
})
export type BulkSettings = z.infer<typeof settingsSchema>

/** A transfer that waits for its order. */
interface Transfer {
  run(window: LoadWindow): Promise<IperfReport>
  stop(): Promise<void>
}

async function iperfTransfer(flow: Flow, connections: number): Promise<Transfer> {
  const server = await startIperfServer(flow)
  return { run: (window) => runIperf(flow, window, `-P ${connections}`), stop: () => server.stop() }
}

async function ownTransfer(flow: Flow, connections: number, slot: number): Promise<Transfer> {
  const { from, to } = flowAddresses(flow)
  const { sender, receiver, port } = flow
  const sending: BulkSenderSettings = { address: from, port }
  const receiving: BulkReceiverSettings = { from: to, address: from, port, connections }
  const place = `${slot}-${port}`
  const source = await GuestProgram.start(sender, place, 'bulk-sender', sending)
  try {
    const sink = await GuestProgram.start(receiver, place, 'bulk-receiver', receiving)
    return {
      run: async (window) => ({ version: 'own', ...(await sink.measure<BulkReceiverReport>(window)) }),
      stop: async () => {
        await Promise.all([sink.stop(), source.stop()])
      },
    }
  } catch (error) {
    await source.stop()
    throw error
  }
}

/** Throughput of several tests in the window, all together. Throws GUEST when one of them ended early. */
export function bulkResult(
  flows: readonly Flow[],
  reports: readonly IperfReport[],
  window: LoadWindow,
): WorkloadResult {
  const endS = window.warmUpS + window.measureS
  const each: number[] = []
  for (const [index, { intervals }] of reports.entries()) {
    const cut = cutWindow(intervals, window.warmUpS, endS)
    checkCut(cut, window, `VM ${flows[index]?.receiver.name}`)
    each.push((cut.bytes * 8) / 1e6 / cut.seconds)
  }
  const known = reports.map((report) => report.retransmits).filter((count) => count !== undefined)
  return {
    metrics: { mbps: each.reduce((sum, mbps) => sum + mbps, 0) },
    series: {
      mbps: throughputCurve(
        reports.map((report) => report.intervals),
        window,
      ),
    },
    ran: {
      program: reports[0]?.version ?? 'none',
      flows: flows.map(({ sender, receiver, nic }, index) => ({
        ...{ from: sender.name, to: receiver.name, nic },
        mbps: each[index],
      })),
      ...(known.length === 0 ? {} : { retransmits: known.reduce((sum, count) => sum + count, 0) }),
    },
  }
}

/** One choice for all cells of a study, so that they can be compared: VMs of every kind get the host's program. */
function usesIperf(tool: BulkSettings['tool']): boolean {
  return tool === 'auto' ? findTool('iperf3') !== undefined : tool === 'iperf3'
}

async function prepare(site: WorkloadSite, settings: BulkSettings): Promise<PreparedWorkload> {
  const peer = peerOf('bulk', site)
  const nics = settings.nics ?? Math.min(site.vm.addresses.length, peer.addresses.length)
  const flows = flowsOf(site, peer, settings.direction, nics)
  const iperf = usesIperf(settings.tool)
  if (iperf) await needProgram('iperf3', 'iperf3', site.vm, peer)
  const transfers = await startAll(
    flows.map((flow) =>
      iperf ? iperfTransfer(flow, settings.connections) : ownTransfer(flow, settings.connections, site.slot),
    ),
  )
  return {
    run: async (window) =>
      bulkResult(flows, await Promise.all(transfers.map((transfer) => transfer.run(window))), window),
    close: async () => {
      await Promise.all(transfers.map((transfer) => transfer.stop()))
    },
  }
}

/** Bulk data over TCP, as fast as it goes; the goodput at the receivers. */
export const bulk: Workload<BulkSettings> = {
  name: 'bulk',
  description: 'Bulk data over TCP as fast as it goes; throughput at the receiver.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host', 'xen'],
  needsPeer: true,
  primary: 'mbps',
  gives: ['mbps'],
  draws: ['mbps'],
  prepare,
}
