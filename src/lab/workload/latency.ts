import { z } from 'zod'
import { DELAY_METRICS, delayMetrics, lostIn, percentileCurve } from './delays.js'
import { flowAddresses } from './iperf.js'
import { GuestProgram, needNode, peerOf } from './program.js'
import type { EchoSettings } from './programs/echo-server.js'
import type { ProberReport, ProberSettings } from './programs/prober.js'
import { needProgram, portOf, runCommand, startServer } from './server.js'
import { parseSockperf, sockperfCommand } from './sockperf.js'
import type { PreparedWorkload, Workload, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({
  rateFps: z
    .number()
    .positive()
    .max(100_000)
    .default(1000)
    .meta({ description: 'Probes a second, on average' }),
  bytes: z.int().min(16).max(1472).default(64).meta({ description: 'UDP payload of a probe' }),
  tool: z.enum(['own', 'sockperf']).default('own').meta({ description: 'Who sends the probes' }),
})
export type LatencySettings = z.infer<typeof settingsSchema>

/** Probes from the peer to the VM and back. */
function probing(site: WorkloadSite, settings: LatencySettings): ProberSettings {
  const peer = peerOf('latency', site)
  const port = portOf(site.slot)
  const { from, to } = flowAddresses({ sender: peer, receiver: site.vm, nic: 0, port })
  const { bytes, rateFps } = settings
  return { from, address: to, port, bytes, rateFps, seed: site.seed }
}

async function prepareOwn(site: WorkloadSite, settings: LatencySettings): Promise<PreparedWorkload> {
  const peer = peerOf('latency', site)
  needNode('latency', site.vm, peer)
  const target = probing(site, settings)
  const echo: EchoSettings = { mode: 'udp', address: target.address, port: target.port, bytes: target.bytes }
  const server = await GuestProgram.start(site.vm, String(site.slot), 'echo-server', echo)
  let prober: GuestProgram
  try {
    prober = await GuestProgram.start(peer, String(site.slot), 'prober', target)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    run: async (window) => {
      const report = await prober.measure<ProberReport>(window)
      const { due, lost, meanLateUs, maxLateUs, sendErrors } = report
      const late = lostIn(window, lost)
      return {
        metrics: { ...delayMetrics(report, late), lossRatio: due > 0 ? lost / due : 0 },
        series: { percentiles: percentileCurve(report, late) },
        // What the sender itself was late is part of each delay; these say how much.
        ran: { program: `own, Node ${process.version}`, due, lost, meanLateUs, maxLateUs, sendErrors },
      }
    },
    close: async () => {
      await Promise.all([prober.stop(), server.stop()])
    },
  }
}

async function prepareSockperf(site: WorkloadSite, settings: LatencySettings): Promise<PreparedWorkload> {
  const { vm } = site
  const peer = peerOf('latency', site)
  await needProgram('sockperf', 'sockperf', vm, peer)
  const target = probing(site, settings)
  const { address, port } = target
  const server = await startServer(vm, `exec sockperf server -i ${address} -p ${port}`, {
    port,
    protocol: 'udp',
  })
  return {
    run: async (window) => {
      const command = sockperfCommand(target, window)
      const timeoutMs = (window.warmUpS + window.measureS + 60) * 1000
      const text = await runCommand(peer, command, window.signal, timeoutMs)
      const { metrics, percentiles } = parseSockperf(text, `VM ${peer.name}`, window)
      return { metrics, series: { percentiles }, ran: { program: 'sockperf', command } }
    },
    close: () => server.stop(),
  }
}

/** Round trips of probes that leave at random times, whatever happens to earlier ones; counted from the due time. */
export const latency: Workload<LatencySettings> = {
  name: 'latency',
  description: 'UDP round trips from the peer, open loop: delays count from when a probe was due to leave.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'p99Us',
  gives: ['lossRatio', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare: (site, settings) =>
    settings.tool === 'own' ? prepareOwn(site, settings) : prepareSockperf(site, settings),
}
