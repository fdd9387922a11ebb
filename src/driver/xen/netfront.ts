/**
 * A modelled netfront: what Linux' xen-netfront does with its rings, over pages that a modelled Xen grants.
 */
import type { NetifFeatures, NetifFrontend } from '../../xen/frontend.js'
import type { NetHeader } from '../net-header.js'
import type { ReceivedFrame } from '../rx-queue.js'
import type { ModelChannel } from './event-channels.js'
import type { ModelDomain } from './grant-table.js'
import type { ModelXen } from './machine.js'
import { NetfrontRx } from './netfront-rx.js'
import { NetfrontTx, type TxSlot } from './netfront-tx.js'

/** What a current Linux netfront takes. */
export const LINUX_NETFRONT: NetifFeatures = {
  sg: true,
  gsoTcpv4: true,
  gsoTcpv6: true,
  csumIpv4: true,
  csumIpv6: true,
  multicastControl: false,
}

export interface NetfrontOptions {
  readonly queues?: number
  readonly features?: Partial<NetifFeatures>
  /** Receive requests that are kept out; default all entries. */
  readonly rxRequests?: number
  /** Whether transmit and receive rings have a channel each. Default true. */
  readonly splitChannels?: boolean
}

interface Queue {
  readonly tx: NetfrontTx
  readonly rx: NetfrontRx
  readonly txChannel: { number: number; channel: ModelChannel }
  readonly rxChannel: { number: number; channel: ModelChannel }
}

export class Netfront {
  readonly domain: ModelDomain
  /** What it publishes. */
  readonly published: NetifFrontend
  readonly queues: readonly Queue[]
  readonly #rxRequests: number | undefined

  constructor(xen: ModelXen, domain: ModelDomain, options: NetfrontOptions = {}) {
    this.domain = domain
    this.#rxRequests = options.rxRequests
    this.queues = Array.from({ length: options.queues ?? 1 }, () => {
      const txChannel = xen.offerChannel(domain.id)
      const rxChannel = (options.splitChannels ?? true) ? xen.offerChannel(domain.id) : txChannel
      return { tx: new NetfrontTx(domain), rx: new NetfrontRx(domain), txChannel, rxChannel }
    })
    this.published = {
      domain: domain.id,
      queues: this.queues.map(({ tx, rx, txChannel, rxChannel }) => ({
        txRingRef: tx.ring.reference,
        rxRingRef: rx.ring.reference,
        txEventChannel: txChannel.number,
        rxEventChannel: rxChannel.number,
      })),
      features: { ...LINUX_NETFRONT, ...options.features },
    }
    for (const queue of this.queues.keys()) this.fillRx(queue)
  }

  #queue(queue: number): Queue {
    return this.queues[queue] as Queue
  }

  /** Makes receive requests as far as there is room for them. */
  fillRx(queue = 0): void {
    const { rx, rxChannel } = this.#queue(queue)
    if (rx.fill(this.#rxRequests)) rxChannel.channel.signal()
  }

  /** Shows what was enqueued for transmission. */
  push(queue = 0): void {
    const { tx, txChannel } = this.#queue(queue)
    if (tx.ring.push()) txChannel.channel.signal()
  }

  /** Sends one frame. Returns false when the ring is full. */
  send(frame: Uint8Array, header: Partial<NetHeader> = {}, queue = 0, slots?: readonly TxSlot[]): boolean {
    const { tx } = this.#queue(queue)
    tx.reap()
    if (!tx.enqueue(frame, header, slots === undefined ? undefined : [...slots])) return false
    this.push(queue)
    return true
  }

  /** Takes one received frame and makes its requests again. Undefined when none waits. */
  receive(queue = 0): ReceivedFrame | undefined {
    const received = this.#queue(queue).rx.receive()
    this.fillRx(queue)
    return received
  }
}
