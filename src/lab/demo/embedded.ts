import { setTimeout as sleep } from 'node:timers/promises'
import type { Switch } from '../../engine/switch.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../frontend/embedded-worker.js'
import { closeFd, socketPair } from '../../sys/unix-socket.js'
import { counting, type DemoContext, type DemoGuest, MEASURED, PEER, runOf } from './measure.js'
import { type DemoRun, DIRECTIONS } from './result.js'

const FRAME_BYTES = 1514
const MACS = { [MEASURED]: '02:00:00:00:00:01', [PEER]: '02:00:00:00:00:02' } as const
const WARM_UP_MS = 300
const LOAD_MS = 2500
const ROUND_TRIP_MS = 1200
const MEGABIT = 1e6

type Roles = Readonly<Record<DemoGuest, EmbeddedRole>>

function rest({ signal }: DemoContext, ms: number): Promise<void> {
  return sleep(ms, undefined, { signal })
}

/** Two embedded guests on fresh ports for as long as an action takes. */
async function withGuests<T>(
  running: Switch,
  context: DemoContext,
  roles: Roles,
  action: (guests: Readonly<Record<DemoGuest, EmbeddedWorker>>) => Promise<T>,
): Promise<T> {
  const guests = new Map<string, EmbeddedWorker>()
  const ports: string[] = []
  const begin = async (name: DemoGuest): Promise<EmbeddedWorker> => {
    const [ours, theirs] = socketPair()
    try {
      await running.addPort({ kind: 'embedded', name, fd: ours, publish: context.mode })
    } catch (error) {
      closeFd(theirs)
      throw error
    }
    ports.push(name)
    const guest = await EmbeddedWorker.start(theirs, { mac: MACS[name], role: roles[name] })
    guests.set(name, guest)
    return guest
  }
  // What answers comes first, so that nothing is sent to nobody.
  const answers = ['sink', 'echo'].includes(roles[MEASURED].kind)
  const order: DemoGuest[] = answers ? [MEASURED, PEER] : [PEER, MEASURED]
  try {
    for (const name of order) await begin(name)
    return await action({
      [MEASURED]: guests.get(MEASURED) as EmbeddedWorker,
      [PEER]: guests.get(PEER) as EmbeddedWorker,
    })
  } finally {
    for (const guest of guests.values()) await guest.stop()
    for (const name of ports) await running.removePort(name).catch(() => {})
  }
}

/** The median round trip time of 64-byte frames in microseconds; null when none came back. */
async function measureRoundTrip(running: Switch, context: DemoContext): Promise<number | null> {
  const roles: Roles = { [MEASURED]: { kind: 'round-trip', to: MACS[PEER] }, [PEER]: { kind: 'echo' } }
  return withGuests(running, context, roles, async (guests) => {
    await rest(context, ROUND_TRIP_MS)
    const { count, p50Us } = guests[MEASURED].roundTrips()
    return count > 0 ? p50Us : null
  })
}

/** Full-speed 1514-byte frames both ways and the round trip time, between two embedded guests. */
export async function runEmbedded(running: Switch, context: DemoContext): Promise<DemoRun[]> {
  const rttUs = await measureRoundTrip(running, context)
  const runs: DemoRun[] = []
  for (const direction of DIRECTIONS) {
    const receiver = direction === 'to_vm' ? MEASURED : PEER
    const source: EmbeddedRole = { kind: 'source', to: MACS[receiver], frameBytes: FRAME_BYTES }
    const sink: EmbeddedRole = { kind: 'sink' }
    const roles: Roles =
      receiver === MEASURED ? { [MEASURED]: sink, [PEER]: source } : { [MEASURED]: source, [PEER]: sink }
    const run = await withGuests(running, context, roles, async () => {
      await rest(context, WARM_UP_MS)
      const delivered = (): number => running.counters(receiver).counts.to_vm_bytes
      const before = delivered()
      const startMs = performance.now()
      const { counted } = await counting(running, () => rest(context, LOAD_MS))
      const seconds = (performance.now() - startMs) / 1000
      const mbps = ((delivered() - before) * 8) / MEGABIT / seconds
      return runOf(context, direction, counted, { mbps, rttUs })
    })
    context.progress(`${context.mode}, ${direction}: ${Math.round(run.mbps)} Mb/s`)
    runs.push(run)
  }
  return runs
}
