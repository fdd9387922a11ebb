import { fileSize } from '../sys/memory-map.js'
import type { GuestRegion } from './device.js'
import type { RegionPayload } from './messages.js'

function overlaps(a: number, b: number, aBytes: number, bBytes: number): boolean {
  return a < b + bBytes && b < a + aBytes
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}

interface Entry extends RegionPayload {
  /** How often the region was announced: it is gone when it was removed as often. */
  announced: number
}

/**
 * The regions of guest memory that a frontend has announced. Holds no file descriptors.
 *
 * With memory slots, QEMU 7.2 adds and removes each region once for every queue pair, on the one connection
 * that they share (hw/virtio/vhost-user.c, vhost_user_one_time_request), so repetition is counted.
 */
export class RegionTable {
  #regions: Entry[] = []

  get count(): number {
    return this.#regions.length
  }

  /** Why a region may not be added, or undefined. Source: vhost-user.rst, "Memory region description". */
  refusal(region: GuestRegion): string | undefined {
    const available = fileSize(region.fd)
    if (region.fileOffset + region.sizeBytes > available)
      return `memory region at ${hex(region.guestAddress)} ends at byte ${region.fileOffset + region.sizeBytes} of a file of ${available}`
    for (const other of this.#regions) {
      if (overlaps(region.guestAddress, other.guestAddress, region.sizeBytes, other.sizeBytes))
        return `memory regions overlap at guest address ${hex(region.guestAddress)}`
      if (overlaps(region.userAddress, other.userAddress, region.sizeBytes, other.sizeBytes))
        return `memory regions overlap at user address ${hex(region.userAddress)}`
    }
    return undefined
  }

  add(region: GuestRegion): void {
    const { guestAddress, sizeBytes, userAddress, fileOffset } = region
    this.#regions.push({ guestAddress, sizeBytes, userAddress, fileOffset, announced: 1 })
  }

  #find(region: RegionPayload): Entry | undefined {
    return this.#regions.find(
      (other) =>
        other.guestAddress === region.guestAddress &&
        other.userAddress === region.userAddress &&
        other.sizeBytes === region.sizeBytes,
    )
  }

  /** Counts a region that is there already once more. Returns whether it is. */
  repeat(region: RegionPayload): boolean {
    const entry = this.#find(region)
    if (!entry || entry.fileOffset !== region.fileOffset) return false
    entry.announced++
    return true
  }

  /**
   * Takes back one announcement of the region that has these addresses and this size.
   * Returns how many are left; -1: there is no such region.
   */
  remove(region: RegionPayload): number {
    const entry = this.#find(region)
    if (!entry) return -1
    if (--entry.announced === 0) this.#regions = this.#regions.filter((other) => other !== entry)
    return entry.announced
  }

  clear(): void {
    this.#regions = []
  }

  /** The guest physical address of a user address, or -1 when no region contains it. */
  toGuest(userAddress: number): number {
    for (const region of this.#regions) {
      const offset = userAddress - region.userAddress
      if (offset >= 0 && offset < region.sizeBytes) return region.guestAddress + offset
    }
    return -1
  }
}
