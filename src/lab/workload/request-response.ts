import { z } from 'zod'
import { DELAY_METRICS, delayMetrics, lostIn, percentileCurve } from './delays.js'
import { flowAddresses } from './iperf.js'
import { GuestProgram, needNode, peerOf } from './program.js'
import type { AskerReport, AskerSettings } from './programs/asker.js'
import type { EchoSettings } from './programs/echo-server.js'
import { portOf } from './server.js'
import type { PreparedWorkload, Workload, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({
  mode: z.enum(['rr', 'crr']).default('rr').meta({ description: 'crr: a connection for each transaction' }),
  bytes: z
    .int()
    .min(1)
    .max(1 << 20)
    .default(1)
    .meta({ description: 'Of a request and of its answer' }),
  connections: z.int().min(1).max(256).default(1).meta({ description: 'Transactions under way at once' }),
})
export type RequestResponseSettings = z.infer<typeof settingsSchema>

async function prepare(site: WorkloadSite, settings: RequestResponseSettings): Promise<PreparedWorkload> {
  const peer = peerOf('request-response', site)
  needNode('request-response', site.vm, peer)
  const port = portOf(site.slot)
  const { from, to } = flowAddresses({ sender: peer, receiver: site.vm, nic: 0, port })
  const echo: EchoSettings = { mode: settings.mode, address: to, port, bytes: settings.bytes }
  const server = await GuestProgram.start(site.vm, String(site.slot), 'echo-server', echo)
  const asking: AskerSettings = { ...settings, from, address: to, port }
  let asker: GuestProgram
  try {
    asker = await GuestProgram.start(peer, String(site.slot), 'asker', asking)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    run: async (window) => {
      const report = await asker.measure<AskerReport>(window)
      const perS = report.count / window.measureS
      const lost = lostIn(window, report.errors)
      return {
        metrics: {
          ...(settings.mode === 'rr'
            ? { transactionsPerS: perS }
            : { connectionsPerS: perS, transactionsPerS: perS }),
          ...delayMetrics(report, lost),
          errors: report.errors,
        },
        series: { percentiles: percentileCurve(report, lost) },
        ran: {
          program: `own, Node ${process.version}`,
          count: report.count,
          ...(report.lastError ? { lastError: report.lastError } : {}),
        },
      }
    },
    close: async () => {
      await Promise.all([asker.stop(), server.stop()])
    },
  }
}

/** Small transactions, one after the other on each connection; the peer asks, the VM answers. */
export const requestResponse: Workload<RequestResponseSettings> = {
  name: 'request-response',
  description: 'TCP transactions, each after the one before (closed loop): the peer asks, the VM answers.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'transactionsPerS',
  gives: ['transactionsPerS', 'connectionsPerS', 'errors', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare,
}
