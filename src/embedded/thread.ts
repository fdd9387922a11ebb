/**
 * The thread of an embedded guest: polls its rings, spins for a bounded time when there is nothing, then
 * asks for calls and sleeps on the eventfds by which the device calls.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { bindToCpu } from '../sys/affinity.js'
import { nowUs, sharpenTimers } from '../sys/clock.js'
import { EPOLLIN, Epoll } from '../sys/epoll.js'
import { drainEventfd } from '../sys/eventfd.js'
import { threadId } from '../sys/signal-handler.js'
import { closeFd } from '../sys/unix-socket.js'
import { VIRTIO_NET_F } from '../virtio/virtio.js'
import { parseMac } from './frames.js'
import { EmbeddedGuest, LINUX_FEATURES } from './guest.js'
import {
  type EmbeddedRole,
  type EmbeddedThreadData,
  type FromEmbedded,
  LIVE,
  SharedResults,
} from './messages.js'
import { makeWork } from './roles.js'

const { fd, shared, options } = workerData as EmbeddedThreadData
const results = new SharedResults(shared)
/** How long a request to stop may go unseen. */
const STOP_POLL_US = 50_000
const DEFAULT_SPIN_US = 50

function post(message: FromEmbedded): void {
  parentPort?.postMessage(message)
}

/** Who counts every frame takes none that the switch has joined of several. */
function featuresOf({ kind }: EmbeddedRole): bigint {
  if (kind !== 'meter' && kind !== 'generator') return LINUX_FEATURES
  return LINUX_FEATURES & ~(VIRTIO_NET_F.GUEST_USO4 | VIRTIO_NET_F.GUEST_USO6)
}

function run(guest: EmbeddedGuest, epoll: Epoll): void {
  const { driver } = guest
  const work = makeWork(driver, results, parseMac(options.mac), options.role)
  const [rx, tx] = [driver.rx(), driver.tx()]
  const spinUs = options.spinUs ?? DEFAULT_SPIN_US
  const { live, stop } = results
  rx.disarmCalls()
  tx.disarmCalls()
  let idleSince = nowUs()
  post({ type: 'ready', thread: threadId() })
  while (Atomics.load(stop, 0) === 0) {
    const now = nowUs()
    const moved = work.turn(now)
    live[LIVE.rxFrames] = driver.rxFrames
    live[LIVE.rxBytes] = driver.rxBytes
    live[LIVE.malformed] = driver.rxMalformed
    if (moved > 0) idleSince = now
    if (moved > 0 || now - idleSince < spinUs) continue
    const ready = rx.armCalls() || (work.waitsForRoom && tx.armCalls())
    if (!ready) {
      live[LIVE.sleeps] = (live[LIVE.sleeps] as number) + 1
      const count = epoll.wait(Math.min(STOP_POLL_US, work.restUs(now)))
      for (let i = 0; i < count; i++) drainEventfd(epoll.fd(i))
    }
    rx.disarmCalls()
    tx.disarmCalls()
    idleSince = nowUs()
  }
}

const epoll = new Epoll()
let guest: EmbeddedGuest | undefined
try {
  // The default slack of 50 us would be more than the delays that are measured.
  if (options.role.kind === 'generator') sharpenTimers()
  if (options.cpu !== undefined) bindToCpu(options.cpu)
  guest = new EmbeddedGuest(fd, {
    ringSize: options.ringSize ?? 256,
    features: options.features ?? featuresOf(options.role),
  })
  for (const callFd of guest.callFds) epoll.add(callFd, EPOLLIN)
  run(guest, epoll)
} catch (error) {
  post({ type: 'died', message: error instanceof Error ? error.message : String(error) })
} finally {
  epoll.close()
  if (guest) guest.close()
  else closeFd(fd)
}
