/** A guest whose every step a test controls: like EmbeddedGuest, with free choice of where indices start. */

import { GuestMemory, type RegionSpec } from '../../src/driver/guest-memory.js'
import { NetDriver } from '../../src/driver/net-driver.js'
import { type RingEvents, VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { signalEventfd } from '../../src/sys/eventfd.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { PROTOCOL_F } from '../../src/vhost-user/requests.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'

/** A current driver without any offload. */
export const PLAIN = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_F.INDIRECT_DESC | VIRTIO_NET_F.MRG_RXBUF

export interface StartOptions {
  readonly features?: bigint
  readonly memory?: number | readonly RegionSpec[]
  readonly ringSize?: number
  readonly queuePairs?: number
  /** Receive buffers; 0 posts none. Default 2048. */
  readonly bufferBytes?: number
  /** Descriptors of each receive buffer. */
  readonly bufferDescriptors?: number
  readonly txSlotBytes?: number
  /** Where the indices of all rings start. */
  readonly base?: number
  /** Port settings, and what only vifs have. */
  readonly port?: Partial<PortSettings> & { control?: boolean; queues?: number }
  /** A socket to connect to, instead of a new embedded port. */
  readonly socket?: string
}

export interface TestGuest {
  readonly driver: NetDriver
  readonly memory: GuestMemory
  readonly frontend: VhostUserFrontend
  readonly features: bigint
  readonly events: readonly RingEvents[]
  close(): void
}

const started: TestGuest[] = []

export function start(engine: Engine, name: string, options: StartOptions = {}): TestGuest {
  let target: number | string | undefined = options.socket
  if (target === undefined) {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name, fd: ours, ...options.port })
    target = theirs
  }
  const frontend = new VhostUserFrontend(target, { pump: () => engine.step() })
  const features = frontend.negotiate(
    options.features ?? LINUX_FEATURES,
    PROTOCOL_F.MQ |
      PROTOCOL_F.LOG_SHMFD |
      PROTOCOL_F.REPLY_ACK |
      PROTOCOL_F.NET_MTU |
      PROTOCOL_F.CONFIG |
      PROTOCOL_F.STATUS |
      PROTOCOL_F.CONFIGURE_MEM_SLOTS |
      PROTOCOL_F.RESET_DEVICE |
      PROTOCOL_F.BACKEND_REQ,
  )
  const memory = new GuestMemory(options.memory ?? 16 * 2 ** 20)
  const kicks: number[] = []
  const driver = new NetDriver(memory, {
    features,
    queuePairs: options.queuePairs ?? 1,
    ringSize: options.ringSize ?? 64,
    txSlotBytes: options.txSlotBytes ?? 2048,
    kick: (ring) => signalEventfd(kicks[ring] as number),
  })
  for (const ring of driver.rings) ring.resetIndices(options.base ?? 0)
  const events = frontend.start(memory, driver.rings)
  kicks.push(...events.map((event) => event.kickFd))
  const bufferBytes = options.bufferBytes ?? 2048
  for (let queue = 0; bufferBytes > 0 && queue < driver.queuePairs; queue++)
    driver.fillRx(bufferBytes, queue, options.bufferDescriptors)
  engine.step()
  let open = true
  const guest = {
    driver,
    memory,
    frontend,
    features,
    events,
    close: () => {
      if (!open) return
      open = false
      frontend.close()
      memory.close()
    },
  }
  started.push(guest)
  return guest
}

/** Closes the guests that were started: call it in afterEach, before cleanUp(). */
export function stopGuests(): void {
  for (const guest of started.splice(0)) guest.close()
}
