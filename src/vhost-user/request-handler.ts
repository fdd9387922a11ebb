/** What the requests of a vhost-user frontend mean: state of one connection, decisions, calls to the device. */

import { callDescriptor, setNonBlocking } from '../sys/descriptor.js'
import { MAX_VRING_SIZE, VIRTIO_F } from '../virtio/virtio.js'
import type { VhostUserDevice } from './device.js'
import { checkInflight, createInflight } from './inflight.js'
import {
  decodeConfig,
  decodeInflight,
  decodeLog,
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
} from './messages.js'
import type { Outcome } from './outcome.js'
import { RegionTable } from './region-table.js'
import { PROTOCOL_F, protocolFeatureNames, REQUEST, REQUIRED_FEATURE, requestName } from './requests.js'
import { RingRequests } from './ring-requests.js'

/** The protocol features that the session implements; a device offers a part of them. */
export const SESSION_PROTOCOL_FEATURES =
  PROTOCOL_F.MQ |
  PROTOCOL_F.LOG_SHMFD |
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

export class RequestHandler {
  readonly #device: VhostUserDevice
  readonly #regions = new RegionTable()
  readonly #rings: RingRequests
  protocolFeatures = 0n
  /** The socket for requests to the frontend, or -1. Owned by the session. */
  backendFd = -1
  /** A descriptor that travels with the reply, or -1. The session sends and closes it. */
  replyFd = -1

  constructor(device: VhostUserDevice) {
    this.#device = device
    this.#rings = new RingRequests(device, this.#regions)
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
        return this.#rings.enableAll(false)
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
      case REQUEST.SET_LOG_BASE:
        return this.#setLog(payload, fds)
      case REQUEST.SET_LOG_FD:
        return this.#setLogCall(fds)
      case REQUEST.SET_VRING_ADDR:
        return this.#rings.setAddresses(decodeVringAddress(payload))
      case REQUEST.SET_VRING_NUM:
      case REQUEST.SET_VRING_BASE:
      case REQUEST.SET_VRING_ENABLE:
      case REQUEST.GET_VRING_BASE:
        return this.#rings.setState(request, decodeVringState(payload))
      case REQUEST.SET_VRING_KICK:
      case REQUEST.SET_VRING_CALL:
      case REQUEST.SET_VRING_ERR:
        return this.#rings.setDescriptor(request, decodeVringFd(payload), fds)
      case REQUEST.GET_CONFIG:
      case REQUEST.SET_CONFIG:
        return this.#config(request, payload)
      case REQUEST.GET_INFLIGHT_FD:
      case REQUEST.SET_INFLIGHT_FD:
        return this.#inflight(request, payload, fds)
      case REQUEST.RESET_DEVICE:
        this.#rings.forget()
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
        if (status === 0) this.#rings.forget()
        return this.#device.setStatus(status)
      }
      case REQUEST.GET_STATUS:
        return encodeU64(BigInt(this.#device.getStatus()))
      default:
        return `not served: ${requestName(request)}`
    }
  }

  #setFeatures(features: bigint | string): Outcome {
    if (typeof features === 'string') return features
    const foreign = features & ~this.#offered
    if (foreign !== 0n) return `features 0x${foreign.toString(16)} were not offered`
    const negotiates = (features & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES) !== 0n
    this.#rings.enablesAtStart = !negotiates
    const problem = this.#device.setFeatures(features & ~VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES)
    if (problem !== undefined || negotiates) return problem
    return this.#rings.enableAll(true)
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
    return this.#device.setMemory(regions) ?? this.#rings.placeAll()
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
    return this.#device.addMemory(full) ?? this.#rings.placeAll()
  }

  #removeMemory(payload: Uint8Array): Outcome {
    const region = decodeRegion(payload)
    if (typeof region === 'string') return region
    const left = this.#regions.remove(region)
    if (left < 0)
      return `no memory region at 0x${region.guestAddress.toString(16)} with this size and user address`
    if (left > 0) return undefined
    return this.#device.removeMemory(region.guestAddress) ?? this.#rings.placeAll()
  }

  /** SET_LOG_BASE. Its frontend waits for a reply, whether it has asked for an acknowledgement or not. */
  #setLog(payload: Uint8Array, fds: number[]): Outcome {
    const log = decodeLog(payload)
    if (typeof log === 'string') return log
    return this.#device.setLog({ ...log, fd: fds.shift()! }) ?? encodeU64(0n)
  }

  #setLogCall(fds: number[]): Outcome {
    const [given = -1] = fds
    const fd = given < 0 ? -1 : callDescriptor(given)
    if (given >= 0 && fd < 0) return 'brings a file descriptor that is no eventfd, pipe or socket'
    fds.length = 0
    return this.#device.setLogCall(fd)
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
    if (queues > this.#rings.count || queueSize > MAX_VRING_SIZE)
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
