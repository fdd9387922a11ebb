/**
 * Frames of one size by pktgen, in the sender's kernel: no program of the sender's takes part. They go to the receiver's NIC and
 * to an address that nobody has, so that its kernel drops them after the NIC has counted them. Rates are by the
 * receiver's clock. Source: Linux Documentation/networking/pktgen.rst.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import { FCS_BYTES, pktgenCommand, START_PKTGEN, STOP_PKTGEN } from '../xen/pktgen.js'
import { peerOf } from './program.js'
import { commandFailed } from './server.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const MEET_S = 20
const COMMAND_MS = 60_000

const settingsSchema = z.strictObject({
  frameBytes: z
    .int()
    .min(64)
    .max(1518)
    .default(64)
    .meta({ description: 'With the frame check sequence, as switches are told by' }),
  direction: z.enum(['to_vm', 'from_vm']).default('to_vm').meta({ description: 'Named from the VM' }),
})
export type PktgenSettings = z.infer<typeof settingsSchema>

/** What the receiver has got, on its own clock. */
interface Arrived {
  readonly atS: number
  readonly frames: number
}

async function must(vm: BedVm, command: string): Promise<string> {
  const result = await vm.guest.run(command, { timeoutMs: COMMAND_MS })
  if (result.code !== 0) throw commandFailed(vm, command, result)
  return result.stdout
}

/**
 * What a NIC has received, and when. One program reads both: between two of them a busy emulated processor lets tenths of a second pass.
 */
export function arrivedCommand(device: string): string {
  const counted = `/sys/class/net/${device}/statistics/rx_packets`
  return `awk '{ print $1 }' ${counted} /proc/uptime`
}

async function arrived(vm: BedVm): Promise<Arrived> {
  const text = await must(vm, arrivedCommand(vm.interfaces[0] ?? ''))
  const [frames = Number.NaN, atS = Number.NaN] = text.trim().split('\n').map(Number)
  return { atS, frames }
}

/** The figures of a window. Throws GUEST when nothing came. */
export function pktgenResult(before: Arrived, after: Arrived, frameBytes: number): WorkloadResult {
  const frames = after.frames - before.frames
  const seconds = after.atS - before.atS
  if (!(frames > 0 && seconds > 0))
    throw new RingferryError('GUEST', 'pktgen: no frame arrived in the window')
  const fps = frames / seconds
  return {
    metrics: { fps, mbps: (fps * (frameBytes - FCS_BYTES) * 8) / 1e6 },
    ran: { program: 'pktgen of the kernel', frames, seconds },
  }
}

async function load(
  [sender, receiver]: readonly [BedVm, BedVm],
  { frameBytes }: PktgenSettings,
  { warmUpS, measureS, signal }: LoadWindow,
): Promise<WorkloadResult> {
  await must(sender, START_PKTGEN)
  await sleep(warmUpS * 1000, undefined, { signal })
  const before = await arrived(receiver)
  await sleep(measureS * 1000, undefined, { signal })
  return pktgenResult(before, await arrived(receiver), frameBytes)
}

async function prepare(site: WorkloadSite, settings: PktgenSettings): Promise<PreparedWorkload> {
  const peer = peerOf('pktgen', site)
  const [sender, receiver] = settings.direction === 'to_vm' ? [peer, site.vm] : [site.vm, peer]
  const [address = '', mac = '', device = ''] = [
    receiver.addresses[0],
    receiver.macs[0],
    sender.interfaces[0],
  ]
  // Both ends answer: the switch knows their addresses, and both links work. The VM asks, as a driver domain may have no ping.
  await must(site.vm, `ping -c 1 -w ${MEET_S} ${peer.addresses[0]}`)
  await must(sender, pktgenCommand(device, { mac, address }, settings.frameBytes))
  const stop = async (): Promise<void> => {
    await sender.guest.run(STOP_PKTGEN, { timeoutMs: COMMAND_MS }).catch(() => {})
  }
  return {
    // Stopped by close: whoever reads the counts of the window's end on the same processor reads them a little later.
    run: (window) => load([sender, receiver], settings, window),
    close: stop,
  }
}

/** Frames of a size as fast as the sender's NIC takes them. */
export const pktgen: Workload<PktgenSettings> = {
  name: 'pktgen',
  description: "Frames of one size out of the sender's kernel, as fast as its NIC takes them: what arrives.",
  settings: settingsSchema,
  runsOn: ['xen'],
  needsPeer: true,
  primary: 'fps',
  gives: ['fps', 'mbps'],
  draws: [],
  prepare,
}
