/** What a vhost-user frontend says of its rings: checked, placed in guest memory, and handed to the device. */

import { callDescriptor, isEventfd } from '../sys/descriptor.js'
import { MAX_VRING_SIZE } from '../virtio/virtio.js'
import type { VhostUserDevice } from './device.js'
import { encodeVringState, type VringAddressPayload, type VringFd, type VringState } from './messages.js'
import type { Outcome } from './outcome.js'
import type { RegionTable } from './region-table.js'
import { REQUEST, VHOST_VRING_F_LOG } from './requests.js'

const PAGE_BYTES = 4096
const MAX_LOG_ADDRESS = 2n ** 47n

interface Ring {
  /** As sent, in user addresses, so that they can be looked up again when memory changes. */
  wanted: VringAddressPayload | undefined
  /** Whether the device has the addresses of `wanted`. */
  placed: boolean
  started: boolean
}

export class RingRequests {
  readonly #device: VhostUserDevice
  readonly #regions: RegionTable
  readonly #rings: Ring[]
  /** Whether rings are enabled as they start: for frontends that do not speak protocol features. */
  enablesAtStart = true

  /** @param regions the guest's memory, which others keep up to date */
  constructor(device: VhostUserDevice, regions: RegionTable) {
    this.#device = device
    this.#regions = regions
    this.#rings = Array.from({ length: 2 * device.maxQueuePairs + 1 }, () => ({
      wanted: undefined,
      placed: false,
      started: false,
    }))
  }

  get count(): number {
    return this.#rings.length
  }

  /** A device that was reset knows nothing of its rings. */
  forget(): void {
    for (const ring of this.#rings) {
      ring.started = false
      ring.placed = false
      ring.wanted = undefined
    }
  }

  /** Enables or disables every ring. */
  enableAll(on: boolean): Outcome {
    for (const index of this.#rings.keys()) {
      const problem = this.#device.setVringEnable(index, on)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Looks every ring's addresses up again after a change of memory; a running ring must keep its place. */
  placeAll(): Outcome {
    for (const [index, ring] of this.#rings.entries()) {
      if (!ring.wanted) continue
      const problem = this.#place(index, ring, ring.wanted)
      if (problem === undefined) continue
      if (ring.started) return problem
      ring.placed = false
    }
    return undefined
  }

  #place(index: number, ring: Ring, wanted: VringAddressPayload): string | undefined {
    const parts = [wanted.desc, wanted.avail, wanted.used].map((address) => this.#regions.toGuest(address))
    const lost = parts.indexOf(-1)
    if (lost >= 0) {
      const name = ['descriptor table', 'available ring', 'used ring'][lost]
      return `the ${name} of ring ${index} lies in no memory region`
    }
    const [desc, avail, used] = parts as [number, number, number]
    if ((desc & 15) !== 0 || (avail & 1) !== 0 || (used & 3) !== 0)
      return `the addresses of ring ${index} are not aligned to 16, 2 and 4 bytes`
    const log = (wanted.flags & VHOST_VRING_F_LOG) !== 0 ? wanted.log : undefined
    // It names the same page, if by another address (behind an IOMMU): the place in the page is the same.
    if (log !== undefined && (log >= MAX_LOG_ADDRESS || (Number(log) - used) % PAGE_BYTES !== 0))
      return `the log address of ring ${index} cannot be one of its used ring`
    const addresses = { desc, avail, used, log: log === undefined ? undefined : Number(log) }
    const problem = this.#device.setVringAddresses(index, addresses)
    ring.placed = problem === undefined
    return problem
  }

  /** SET_VRING_ADDR. */
  setAddresses(address: VringAddressPayload | string): Outcome {
    if (typeof address === 'string') return address
    const ring = this.#rings[address.index]
    if (!ring) return this.#noRing(address.index)
    ring.wanted = address
    ring.placed = false
    return this.#regions.count === 0 ? undefined : this.#place(address.index, ring, address)
  }

  #noRing(index: number): string {
    return `ring ${index} of ${this.#rings.length}`
  }

  /** SET_VRING_NUM, _BASE and _ENABLE; GET_VRING_BASE, which stops the ring. */
  setState(request: number, state: VringState | string): Outcome {
    if (typeof state === 'string') return state
    const { index, num } = state
    const ring = this.#rings[index]
    if (!ring) return this.#noRing(index)
    switch (request) {
      case REQUEST.SET_VRING_NUM:
        if (num < 1 || num > MAX_VRING_SIZE || (num & (num - 1)) !== 0)
          return `ring size ${num} is no power of two from 1 to ${MAX_VRING_SIZE}`
        return this.#device.setVringSize(index, num)
      case REQUEST.SET_VRING_BASE:
        return num > 0xffff ? `ring base ${num} has more than 16 bits` : this.#device.setVringBase(index, num)
      case REQUEST.SET_VRING_ENABLE:
        return num > 1
          ? `ring ${index}: enable is 0 or 1, not ${num}`
          : this.#device.setVringEnable(index, num === 1)
      default:
        ring.started = false
        return encodeVringState(index, this.#device.stopVring(index))
    }
  }

  /** SET_VRING_KICK, _CALL and _ERR. Takes the descriptor that it keeps from `fds`. */
  setDescriptor(request: number, value: VringFd | string, fds: number[]): Outcome {
    if (typeof value === 'string') return value
    const { index, hasFd } = value
    const ring = this.#rings[index]
    if (!ring) return this.#noRing(index)
    if (hasFd !== (fds.length === 1))
      return hasFd ? 'announces a file descriptor and brings none' : 'brings a file descriptor and denies it'
    if (request === REQUEST.SET_VRING_KICK) {
      if (hasFd && !isEventfd(fds[0]!)) return 'brings a file descriptor that is no eventfd'
      if (!ring.placed) return `ring ${index} is started before its addresses are known`
      const problem = this.enablesAtStart ? this.#device.setVringEnable(index, true) : undefined
      if (problem !== undefined) return problem
      ring.started = true
      return this.#device.setVringKick(index, fds.shift() ?? -1)
    }
    const given = fds.shift() ?? -1
    const fd = given < 0 ? -1 : callDescriptor(given)
    if (given >= 0 && fd < 0) {
      fds.push(given)
      return 'brings a file descriptor that is no eventfd, pipe or socket'
    }
    return request === REQUEST.SET_VRING_CALL
      ? this.#device.setVringCall(index, fd)
      : this.#device.setVringErr(index, fd)
  }
}
