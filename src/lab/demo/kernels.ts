import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Switch } from '../../engine/switch.js'
import type { PortConfig } from '../../port/config.js'
import { bootGuest } from '../guest/guest.js'
import type { Guest, GuestKind, GuestSpec, NicTransport } from '../guest/spec.js'
import { counting, type DemoContext, type DemoGuest, MEASURED, PEER, runOf } from './measure.js'
import { type DemoRun, DIRECTIONS } from './result.js'
import { iperf, ping } from './tools.js'

const LOAD_S = 4
const ADDRESSES = { [MEASURED]: '10.117.0.1', [PEER]: '10.117.0.2' } as const
const PREFIX = 24

/** The port of a guest, and how the guest reaches it. */
function place(
  kind: GuestKind,
  name: DemoGuest,
  folder: string,
  context: DemoContext,
): { readonly port: PortConfig; readonly transport: NicTransport } {
  if (kind === 'netns') {
    // Unique per process: device names are the host's own.
    const device = `rf${process.pid}${name}`.slice(0, 15)
    return {
      port: { kind: 'tap', name, device, publish: context.mode },
      transport: { type: 'tap', ifname: device },
    }
  }
  const socket = join(folder, `${name}.sock`)
  return {
    port: { kind: 'vif', name, socket, publish: context.mode },
    transport: { type: 'vhost-user', path: socket },
  }
}

async function measure(
  running: Switch,
  context: DemoContext,
  guests: Readonly<Record<DemoGuest, Guest>>,
): Promise<DemoRun[]> {
  const server = guests[PEER].start('iperf3 -s')
  try {
    const rttUs = await ping(guests[MEASURED], ADDRESSES[PEER])
    const runs: DemoRun[] = []
    for (const direction of DIRECTIONS) {
      const { counted, value } = await counting(running, () =>
        iperf(guests[MEASURED], ADDRESSES[PEER], LOAD_S, direction === 'to_vm'),
      )
      const run = runOf(context, direction, counted, { mbps: value, rttUs })
      context.progress(`${context.mode}, ${direction}: ${Math.round(run.mbps)} Mb/s`)
      runs.push(run)
    }
    return runs
  } finally {
    await server.stop().catch(() => {})
  }
}

/** iperf3 TCP both ways and ping between two guest kernels, freshly booted on two ports. */
export async function runKernels(
  running: Switch,
  context: DemoContext & { readonly kind: GuestKind },
): Promise<DemoRun[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-demo-'))
  const ports: string[] = []
  const guests: Guest[] = []
  const boot = async (name: DemoGuest): Promise<Guest> => {
    const { port, transport } = place(context.kind, name, folder, context)
    await running.addPort(port)
    ports.push(name)
    context.signal.throwIfAborted()
    const nic = { transport, address: `${ADDRESSES[name]}/${PREFIX}` }
    const spec: GuestSpec = { name, kind: context.kind, nics: [nic] }
    const guest = await bootGuest(spec)
    guests.push(guest)
    return guest
  }
  try {
    context.progress(`${context.mode}: booting two ${context.kind} guests`)
    const booted = await Promise.allSettled([boot(MEASURED), boot(PEER)])
    for (const outcome of booted) if (outcome.status === 'rejected') throw outcome.reason
    const [measured, peer] = guests[0]?.name === MEASURED ? guests : [...guests].reverse()
    return await measure(running, context, { [MEASURED]: measured as Guest, [PEER]: peer as Guest })
  } finally {
    await Promise.all(guests.map((guest) => guest.stop()))
    for (const name of ports) await running.removePort(name).catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  }
}
