/** The workload `frames` from a program in a guest with a kernel to an embedded VM, which counts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { benchmarkAddress, FRAME_AT, MEASURED_PORT } from '../../embedded/frames.js'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import { addressKernel } from './kernel-receiver.js'
import { GuestProgram } from './program.js'
import type { DatagramSourceReport, DatagramSourceSettings } from './programs/datagram-source.js'
import { commandFailed } from './server.js'
import type { PreparedWorkload } from './workload.js'

/** Settings of `frames` that say what is sent. */
interface Load {
  readonly frameBytes: number | 'imix'
  readonly rateFps: number
  readonly arrivals: 'poisson' | 'constant' | 'burst'
  readonly burstFrames: number
  readonly flows: number
}

/** What a program can be asked for; refused by name what it cannot. Throws CONFIG. */
function settingsOf(
  { name, kind }: BedVm,
  { frameBytes, rateFps, arrivals, burstFrames, flows }: Load,
): Pick<DatagramSourceSettings, 'bytes' | 'rateFps' | 'burstFrames'> {
  const wrong =
    frameBytes === 'imix'
      ? 'frameBytes is imix'
      : rateFps === 0
        ? 'rateFps is 0'
        : arrivals === 'poisson'
          ? 'arrivals is poisson'
          : flows > 1
            ? `flows is ${flows}`
            : undefined
  if (wrong !== undefined || frameBytes === 'imix')
    throw new RingferryError(
      'CONFIG',
      `frames: ${name} is ${kind}, whose program sends one size at one rate, constant or in bursts, in one flow; ${wrong}`,
    )
  return {
    bytes: frameBytes - FRAME_AT.EPOCH,
    rateFps,
    burstFrames: arrivals === 'burst' ? burstFrames : 1,
  }
}

/** Throws CONFIG, UNSUPPORTED, NOT_FOUND, GUEST. */
export async function prepareKernelSender(
  sender: BedVm,
  receiver: BedVm,
  slot: number,
  settings: Load,
): Promise<PreparedWorkload> {
  const load = settingsOf(sender, settings)
  const from = await addressKernel(sender)
  const address = benchmarkAddress(receiver.macs[0] as string)
  // An embedded VM answers nobody who asks for its address.
  const command = `ip neigh replace ${address} lladdr ${receiver.macs[0]} dev ${sender.interfaces[0]} || arp -s ${address} ${receiver.macs[0]}`
  const made = await sender.guest.run(command)
  if (made.code !== 0) throw commandFailed(sender, command, made)
  const meter = await receiver.embed({ kind: 'meter' }, { spinUs: 0 })
  let program: GuestProgram
  try {
    const source: DatagramSourceSettings = { from, address, port: MEASURED_PORT, ...load }
    program = await GuestProgram.start(sender, slot, 'datagram-source', source)
  } catch (error) {
    await meter.stop()
    throw error
  }
  return {
    run: async (window) => {
      const { warmUpS, measureS, signal } = window
      const reported = program.measure<DatagramSourceReport>(window)
      reported.catch(() => {})
      await sleep(warmUpS * 1000, undefined, { signal })
      const before = meter.counters()
      const startMs = performance.now()
      await sleep(measureS * 1000, undefined, { signal })
      const after = meter.counters()
      const seconds = (performance.now() - startMs) / 1000
      const report = await reported
      if (meter.failure) throw meter.failure
      const received = after.rxFrames - before.rxFrames - (after.others - before.others)
      const lost = Math.max(0, after.lost - before.lost)
      return {
        metrics: {
          fps: received / seconds,
          offeredFps: report.sent / report.seconds,
          lossRatio: received + lost === 0 ? Number(report.sent > 0) : lost / (received + lost),
          mbps: (received * (load.bytes + FRAME_AT.EPOCH) * 8) / 1e6 / seconds,
        },
        ran: { ...report, received, lost, sender: `a program in the guest, Node ${process.version}` },
      }
    },
    close: async () => {
      await Promise.all([program.stop(), meter.stop()])
    },
  }
}
