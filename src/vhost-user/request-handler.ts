/** What the requests of a vhost-user frontend mean: state of one connection, decisions, calls to the device. */

import { callDescriptor, isEventfd, setNonBlocking } from '../sys/descriptor.js'
import { MAX_VRING_SIZE, VIRTIO_F } from '../virtio/virtio.js'
import type { VhostUserDevice } from './device.js'
import { checkInflight, createInflight } from './inflight.js'
import {
  decodeConfig,
  decodeInflight,
  decodeMemoryTable,
  decodeRarp,
  decodeRegion,
  decodeU64,
  decodeVringAddress,
  decodeVringFd,
  decodeVringState,
  encodeConfig,
  encodeInflight,
  encodeU64,
  encodeVringState,
  type VringAddressPayload,
  type VringState,
} from './messages.js'
import { RegionTable } from './region-table.js'
import { PROTOCOL_F, protocolFeatureNames, REQUEST, REQUIRED_FEATURE, requestName } from './requests.js'

/** The protocol features that the session implements; a device offers a part of them. */
export const SESSION_PROTOCOL_FEATURES =
  PROTOCOL_F.MQ |
  PROTOCOL_F.RARP |
  PROTOCOL_F.REPLY_ACK |
  PROTOCOL_F.NET_MTU |
  PROTOCOL_F.BACKEND_REQ |
  PROTOCOL_F.CONFIG |
  PROTOCOL_F.INFLIGHT_SHMFD |
  PROTOCOL_F.RESET_DEVICE |
  PROTOCOL_F.CONFIGURE_MEM_SLOTS |
  PROTOCOL_F.STATUS

/** Source: RFC 791 (least IPv4 MTU) and virtio 1.3, 5.1.4.1. */
const MIN_MTU = 68
const MAX_MTU = 65535
const CONFIG_MIGRATION = 1

/**
 * undefined: done. false: refused, the session goes on. A string: a violation, the session ends.
 * Bytes: the payload of the reply that the request demands.
 */
export type Outcome = undefined | false | string | Uint8Array

interface Ring {
  /** As sent, in user addresses, so that they can be looked up again when memory changes. */
  wanted: VringAddressPayload | undefined
  /** Whether the device has the addresses of `wanted`. */
  placed: boolean
  started: boolean
}

export class RequestHandler {
  readonly #device: VhostUserDevice
  readonly #regions = new RegionTable()
  readonly #rings: Ring[]
  /** Whether the frontend speaks protocol features: else rings are enabled as they start. */
  #negotiates = false
  protocolFeatures = 0n
  /** The socket for requests to the frontend, or -1. Owned by the session. */
  backendFd = -1
  /** A descriptor that travels with the reply, or -1. The session sends and closes it. */
  replyFd = -1

  constructor(device: VhostUserDevice) {
    this.#device = device
    this.#rings = Array.from({ length: 2 * device.maxQueuePairs + 1 }, () => ({
      wanted: undefined,
      placed: false,
      started: false,
    }))
  }

  get #offeredProtocol(): bigint {
    return this.#device.offeredProtocolFeatures() & SESSION_PROTOCOL_FEATURES
  }

  get #offered(): bigint {
    const own = this.#offeredProtocol === 0n ? 0n : VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES
    return this.#device.offeredFeatures() | own
  }

  /**
   * Serves one request whose shape has been checked. Takes (shifts) the descriptors that it keeps from
   * `fds`; the caller closes the rest.
   */
  handle(request: number, payload: Uint8Array, fds: number[]): Outcome {
    const needed = REQUIRED_FEATURE.get(request)
    if (needed && (this.protocolFeatures & PROTOCOL_F[needed]) === 0n)
      return `the protocol feature ${needed} was not negotiated`
    switch (request) {
      case REQUEST.GET_FEATURES:
        return encodeU64(this.#offered)
      case REQUEST.SET_FEATURES:
        return this.#setFeatures(decodeU64(payload))
      case REQUEST.GET_PROTOCOL_FEATURES:
        return encodeU64(this.#offeredProtocol)
      case REQUEST.SET_PROTOCOL_FEATURES:
        return this.#setProtocolFeatures(decodeU64(payload))
      case REQUEST.SET_OWNER:
        return undefined
      case REQUEST.RESET_OWNER:
        return this.#enableAll(false)
      case REQUEST.GET_QUEUE_NUM:
        return encodeU64(BigInt(this.#device.maxQueuePairs))
      case REQUEST.SET_MEM_TABLE:
        return this.#setMemory(payload, fds)
      case REQUEST.ADD_MEM_REG:
        return this.#addMemory(payload, fds)
      case REQUEST.REM_MEM_REG:
        return this.#removeMemory(payload)
      case REQUEST.GET_MAX_MEM_SLOTS:
        return encodeU64(BigInt(this.#device.maxMemorySlots))
      case REQUEST.SET_VRING_ADDR:
        return this.#setAddresses(decodeVringAddress(payload))
      case REQUEST.SET_VRING_NUM:
      case REQUEST.SET_VRING_BASE:
      case REQUEST.SET_VRING_ENABLE:
      case REQUEST.GET_VRING_BASE:
        return this.#vringState(request, decodeVringState(payload))
      case REQUEST.SET_VRING_KICK:
      case REQUEST.SET_VRING_CALL:
      case REQUEST.SET_VRING_ERR:
        return this.#vringFd(request, payload, fds)
      case REQUEST.GET_CONFIG:
      case REQUEST.SET_CONFIG:
        return this.#config(request, payload)
      case REQUEST.GET_INFLIGHT_FD:
      case REQUEST.SET_INFLIGHT_FD:
        return this.#inflight(request, payload, fds)
      case REQUEST.RESET_DEVICE:
        this.#forgetRings()
        return this.#device.resetDevice()
      case REQUEST.SEND_RARP: {
        const mac = decodeRarp(payload)
        return typeof mac === 'string' ? mac : this.#device.sendRarp(mac) ? undefined : false
      }
      case REQUEST.NET_SET_MTU: {
        const mtu = Number(decodeU64(payload))
        return mtu >= MIN_MTU && mtu <= MAX_MTU && this.#device.setMtu(mtu) ? undefined : false
      }
      case REQUEST.SET_BACKEND_REQ_FD:
        return this.#setBackendFd(fds)
      case REQUEST.SET_STATUS: {
        const status = Number(decodeU64(payload))
        if (status > 0xff) return `device status ${status} has more than 8 bits`
        if (status === 0) this.#forgetRings()
        return this.#device.setStatus(status)
      }
      case REQUEST.GET_STATUS:
        return encodeU64(BigInt(this.#device.getStatus()))
      default:
        return `not served: ${requestName(request)}`
    }
  }

  /** A device that was reset knows nothing of its rings. */
  #forgetRings(): void {
    for (const ring of this.#rings) {
      ring.started = false
      ring.placed = false
      ring.wanted = undefined
    }
  }

  #setFeatures(features: bigint | string): Outcome {
    if (typeof features === 'string') return features
    const foreign = features & ~this.#offered
    if (foreign !== 0n) return `features 0x${foreign.toString(16)} were not offered`
    this.#negotiates = (features & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES) !== 0n
    const problem = this.#device.setFeatures(features & ~VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES)
    if (problem !== undefined || this.#negotiates) return problem
    return this.#enableAll(true)
  }

  #setProtocolFeatures(features: bigint | string): Outcome {
    if (typeof features === 'string') return features
    const foreign = features & ~this.#offeredProtocol
    if (foreign !== 0n) {
      const names = protocolFeatureNames(foreign).join(', ') || `0x${foreign.toString(16)}`
      return `protocol features that were not offered: ${names}`
    }
    this.protocolFeatures = features
    return undefined
  }

  #enableAll(on: boolean): Outcome {
    for (const index of this.#rings.keys()) {
      const problem = this.#device.setVringEnable(index, on)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  #setMemory(payload: Uint8Array, fds: number[]): Outcome {
    const table = decodeMemoryTable(payload)
    if (typeof table === 'string') return table
    if (table.length !== fds.length) return `${table.length} memory regions, ${fds.length} file descriptors`
    this.#regions.clear()
    const regions = table.map((region, i) => ({ ...region, fd: fds[i]! }))
    for (const region of regions) {
      const refusal = this.#regions.refusal(region)
      if (refusal !== undefined) return refusal
      this.#regions.add(region)
    }
    fds.length = 0
    return this.#device.setMemory(regions) ?? this.#placeAll()
  }

  #addMemory(payload: Uint8Array, fds: number[]): Outcome {
    const region = decodeRegion(payload)
    if (typeof region === 'string') return region
    if (this.#regions.repeat(region)) return undefined
    if (this.#regions.count >= this.#device.maxMemorySlots)
      return `more memory regions than the ${this.#device.maxMemorySlots} slots`
    const full = { ...region, fd: fds[0]! }
    const refusal = this.#regions.refusal(full)
    if (refusal !== undefined) return refusal
    this.#regions.add(full)
    fds.length = 0
    return this.#device.addMemory(full) ?? this.#placeAll()
  }

  #removeMemory(payload: Uint8Array): Outcome {
    const region = decodeRegion(payload)
    if (typeof region === 'string') return region
    const left = this.#regions.remove(region)
    if (left < 0)
      return `no memory region at 0x${region.guestAddress.toString(16)} with this size and user address`
    if (left > 0) return undefined
    return this.#device.removeMemory(region.guestAddress) ?? this.#placeAll()
  }

  /** Looks every ring's addresses up again after a change of memory; a running ring must keep its place. */
  #placeAll(): Outcome {
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
    const problem = this.#device.setVringAddresses(index, { desc, avail, used })
    ring.placed = problem === undefined
    return problem
  }

  #setAddresses(address: VringAddressPayload | string): Outcome {
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

  #vringState(request: number, state: VringState | string): Outcome {
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

  #vringFd(request: number, payload: Uint8Array, fds: number[]): Outcome {
    const value = decodeVringFd(payload)
    if (typeof value === 'string') return value
    const { index, hasFd } = value
    const ring = this.#rings[index]
    if (!ring) return this.#noRing(index)
    if (hasFd !== (fds.length === 1))
      return hasFd ? 'announces a file descriptor and brings none' : 'brings a file descriptor and denies it'
    if (request === REQUEST.SET_VRING_KICK) {
      if (hasFd && !isEventfd(fds[0]!)) return 'brings a file descriptor that is no eventfd'
      if (!ring.placed) return `ring ${index} is started before its addresses are known`
      const problem = this.#negotiates ? undefined : this.#device.setVringEnable(index, true)
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

  #config(request: number, payload: Uint8Array): Outcome {
    const access = decodeConfig(payload)
    if (typeof access === 'string') return access
    if (request === REQUEST.GET_CONFIG) {
      const content = this.#device.readConfig(access.offset, access.bytes.length)
      return encodeConfig(access.offset, access.flags, content)
    }
    if (access.flags > CONFIG_MIGRATION) return false
    const migration = access.flags === CONFIG_MIGRATION
    return this.#device.writeConfig(access.offset, access.bytes, migration) ? undefined : false
  }

  #inflight(request: number, payload: Uint8Array, fds: number[]): Outcome {
    const inflight = decodeInflight(payload)
    if (typeof inflight === 'string') return inflight
    const { queues, queueSize } = inflight
    if (queues > this.#rings.length || queueSize > MAX_VRING_SIZE)
      return `an inflight area for ${queues} queues of ${queueSize} entries`
    if (request === REQUEST.SET_INFLIGHT_FD) return checkInflight(inflight, fds[0]!)
    const { fd, sizeBytes } = createInflight(queues, queueSize)
    this.replyFd = fd
    return encodeInflight({ sizeBytes, offset: 0, queues, queueSize }, payload.length)
  }

  #setBackendFd(fds: number[]): Outcome {
    if (!setNonBlocking(fds[0]!)) return 'brings no socket'
    // The old socket, if any, stays in the list and is closed with it.
    const [old, fresh] = [this.backendFd, fds.shift()!]
    this.backendFd = fresh
    if (old >= 0) fds.push(old)
    return undefined
  }
}
