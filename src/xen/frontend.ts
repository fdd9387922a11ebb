/**
 * What a netfront says of itself once it is Initialised or Connected, read from xenstore by whoever follows the xenbus
 * states. Source: xen/include/public/io/netif.h (4.17).
 */

/** One queue of a frontend: the rings' pages and the channels, as it published them. */
export interface NetifQueue {
  readonly txRingRef: number
  readonly rxRingRef: number
  /** Remote ports; the same number twice where the channels are not split. */
  readonly txEventChannel: number
  readonly rxEventChannel: number
}

/** What a frontend takes beyond plain frames of one page. */
export interface NetifFeatures {
  /** feature-sg: frames over several slots. */
  readonly sg: boolean
  /** feature-gso-tcpv4, feature-gso-tcpv6; of no use without sg. */
  readonly gsoTcpv4: boolean
  readonly gsoTcpv6: boolean
  /** Not feature-no-csum-offload; feature-ipv6-csum-offload. */
  readonly csumIpv4: boolean
  readonly csumIpv6: boolean
  /** request-multicast-control: it is sent the groups that it asked for, and no others. */
  readonly multicastControl: boolean
}

export interface NetifFrontend {
  readonly domain: number
  /** One to MAX_QUEUE_PAIRS. */
  readonly queues: readonly NetifQueue[]
  readonly features: NetifFeatures
}

/**
 * A port as whoever follows xenbus sees it (src/port/xen/netif-port.ts): frontends come and go by it, one at a time.
 * Between connect() and disconnect() the engine polls the rings; events wake it.
 */
export interface NetifAttachment {
  /**
   * Maps the rings of a frontend, binds its channels and starts to serve it. Throws a RingferryError, having taken
   * nothing, when the guest's pages or channels cannot be had or say nonsense.
   */
  connect(frontend: NetifFrontend): void
  /** Publishes what is held, and gives rings and channels back. Does nothing without a frontend. */
  disconnect(reason: string): void
  /** Called when the frontend breaks the protocol: it was disconnected, and may not come back by itself. */
  onBreach: (reason: string) => void
}
