import { GuestMemory, type RegionSpec } from '../driver/guest-memory.js'
import { NetDriver } from '../driver/net-driver.js'
import { VhostUserFrontend } from '../driver/vhost-user-frontend.js'
import { signalEventfd } from '../sys/eventfd.js'
import { PROTOCOL_F } from '../vhost-user/requests.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_STATUS } from '../virtio/virtio.js'

/** The features that a current Linux guest takes. */
export const LINUX_FEATURES =
  VIRTIO_F.VERSION_1 |
  VIRTIO_F.EVENT_IDX |
  VIRTIO_F.INDIRECT_DESC |
  VIRTIO_NET_F.MRG_RXBUF |
  VIRTIO_NET_F.CSUM |
  VIRTIO_NET_F.GUEST_CSUM |
  VIRTIO_NET_F.HOST_TSO4 |
  VIRTIO_NET_F.HOST_TSO6 |
  VIRTIO_NET_F.HOST_ECN |
  VIRTIO_NET_F.HOST_USO |
  VIRTIO_NET_F.GUEST_TSO4 |
  VIRTIO_NET_F.GUEST_TSO6 |
  VIRTIO_NET_F.GUEST_ECN |
  VIRTIO_NET_F.GUEST_USO4 |
  VIRTIO_NET_F.GUEST_USO6

/** Memory, rings and features of an embedded guest. */
export interface EmbeddedGuestOptions {
  /** Features wanted; what the backend does not offer is left out. Default LINUX_FEATURES. */
  readonly features?: bigint
  /** Memory in bytes, or its regions. Default 64 MB, of which only what is used is resident. */
  readonly memory?: number | readonly RegionSpec[]
  /** Default 256. */
  readonly ringSize?: number
  /** Entries of each transmit ring; default ringSize. */
  readonly txRingSize?: number
  readonly queuePairs?: number
  /** Bytes of each receive buffer. Default 2048 with mergeable buffers, else 65562 + header. */
  readonly bufferBytes?: number
  /** Largest frame sent, virtio-net header included. Default 66 KB when the guest may send GSO frames, else 2048. */
  readonly txSlotBytes?: number
  /** Called while the guest waits for the backend, when both live in one thread. */
  readonly pump?: () => void
}

/** What a driver has told the device when it is up. Source: virtio 1.3, 3.1.1. */
const RUNNING =
  VIRTIO_STATUS.ACKNOWLEDGE | VIRTIO_STATUS.DRIVER | VIRTIO_STATUS.FEATURES_OK | VIRTIO_STATUS.DRIVER_OK
const HOST_GSO = VIRTIO_NET_F.HOST_TSO4 | VIRTIO_NET_F.HOST_TSO6 | VIRTIO_NET_F.HOST_USO
const GSO_SLOT_BYTES = 66 * 1024
const PLAIN_SLOT_BYTES = 2048
const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024
const MERGEABLE_BUFFER_BYTES = 2048
const BIG_BUFFER_BYTES = 65_584

/** A guest that is a program of ours: memory, virtio-net driver and vhost-user frontend on one socket. */
export class EmbeddedGuest {
  readonly memory: GuestMemory
  readonly driver: NetDriver
  readonly frontend: VhostUserFrontend
  /** The features agreed on. */
  readonly features: bigint
  /** Where the backend calls, by ring. */
  readonly callFds: readonly number[]
  readonly #kickFds: number[]

  /** @param target a connected socket or the path of the backend's socket */
  constructor(target: number | string, options: EmbeddedGuestOptions = {}) {
    this.frontend = new VhostUserFrontend(target, options.pump ? { pump: options.pump } : {})
    const wanted = options.features ?? LINUX_FEATURES
    this.features = this.frontend.negotiate(
      wanted,
      PROTOCOL_F.MQ |
        PROTOCOL_F.LOG_SHMFD |
        PROTOCOL_F.REPLY_ACK |
        PROTOCOL_F.CONFIG |
        PROTOCOL_F.BACKEND_REQ |
        PROTOCOL_F.STATUS,
    )
    this.memory = new GuestMemory(options.memory ?? DEFAULT_MEMORY_BYTES)
    this.#kickFds = []
    this.driver = new NetDriver(this.memory, {
      features: this.features,
      queuePairs: options.queuePairs ?? 1,
      ringSize: options.ringSize ?? 256,
      ...(options.txRingSize === undefined ? {} : { txRingSize: options.txRingSize }),
      txSlotBytes:
        options.txSlotBytes ?? ((this.features & HOST_GSO) !== 0n ? GSO_SLOT_BYTES : PLAIN_SLOT_BYTES),
      kick: (ring) => signalEventfd(this.#kickFds[ring] as number),
    })
    const events = this.frontend.start(this.memory, this.driver.rings)
    this.callFds = events.map((event) => event.callFd)
    this.#kickFds.push(...events.map((event) => event.kickFd))
    if ((this.frontend.protocolFeatures & PROTOCOL_F.STATUS) !== 0n) this.frontend.setStatus(RUNNING)
    const bufferBytes =
      options.bufferBytes ?? (this.driver.mergeable ? MERGEABLE_BUFFER_BYTES : BIG_BUFFER_BYTES)
    for (let queue = 0; queue < this.driver.queuePairs; queue++) this.driver.fillRx(bufferBytes, queue)
  }

  /** Hangs up and frees everything. */
  close(): void {
    this.frontend.close()
    this.memory.close()
  }
}
