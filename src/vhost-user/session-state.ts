/**
 * What a frontend has said on its connection, as far as it still counts: said again in this order to a new device, it
 * brings it to the same state. So a connection that outlives its backend is taken up by the code that a frontend's own
 * messages go through, and all that is checked then is checked again.
 *
 *   features -> backend channel -> memory -> log -> MTU, address -> per ring NUM, BASE, ADDR, CALL, ERR, KICK, ENABLE -> status
 *   -> what the driver has commanded by its control queue
 *
 * The state of ring indices is none of it: rings go on at their used index, in guest memory.
 */
import { VIRTIO_F, VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_VLAN } from '../virtio/virtio.js'
import {
  decodeMemoryTable,
  decodeRegion,
  decodeU64,
  decodeVringState,
  encodeMemoryTable,
  encodeRegion,
  encodeU64,
  encodeVringState,
  type RegionPayload,
} from './messages.js'
import type { Outcome } from './outcome.js'
import { MAX_TABLE_REGIONS, REQUEST, VRING_INDEX_MASK } from './requests.js'

/** A message, its descriptors by the labels under which they are kept. */
export interface KeptMessage {
  readonly request: number
  readonly payload: Uint8Array
  readonly labels: readonly string[]
}

interface KeptRegion {
  readonly region: RegionPayload
  readonly label: string
}

const RING_ORDER: readonly number[] = [
  REQUEST.SET_VRING_NUM,
  REQUEST.SET_VRING_BASE,
  REQUEST.SET_VRING_ADDR,
  REQUEST.SET_VRING_CALL,
  REQUEST.SET_VRING_ERR,
  REQUEST.SET_VRING_KICK,
  REQUEST.SET_VRING_ENABLE,
]
/** Said before memory, and after it. */
const FIRST: readonly number[] = [
  REQUEST.SET_PROTOCOL_FEATURES,
  REQUEST.SET_FEATURES,
  REQUEST.SET_BACKEND_REQ_FD,
]
const THEN: readonly number[] = [REQUEST.SET_LOG_BASE, REQUEST.SET_LOG_FD, REQUEST.NET_SET_MTU]

/** No request of the protocol: the payload is a command of the driver's, class, command and data. */
export const DRIVER_COMMAND = 0x1_0000

/** Messages that a state consists of; no other is said again. */
export const KEPT_REQUESTS: ReadonlySet<number> = new Set([
  DRIVER_COMMAND,
  ...[...FIRST, ...THEN, ...RING_ORDER],
  ...[REQUEST.SET_MEM_TABLE, REQUEST.ADD_MEM_REG, REQUEST.SET_CONFIG, REQUEST.SET_STATUS],
])

/** Messages whose descriptors are part of it. */
export const BRINGS_KEPT_FDS: ReadonlySet<number> = new Set([
  ...[REQUEST.SET_BACKEND_REQ_FD, REQUEST.SET_LOG_BASE, REQUEST.SET_LOG_FD],
  ...[REQUEST.SET_MEM_TABLE, REQUEST.ADD_MEM_REG],
  ...[REQUEST.SET_VRING_CALL, REQUEST.SET_VRING_ERR, REQUEST.SET_VRING_KICK],
])

const isSame = (a: RegionPayload, b: RegionPayload): boolean =>
  a.guestAddress === b.guestAddress && a.userAddress === b.userAddress && a.sizeBytes === b.sizeBytes

export class SessionState {
  readonly #single = new Map<number, KeptMessage>()
  /** Writes to the configuration space, by offset and length. */
  readonly #config = new Map<string, KeptMessage>()
  /** As often as each was announced. */
  #regions: KeptRegion[] = []
  readonly #rings = new Map<number, Map<number, KeptMessage>>()
  /** The last of each kind; of VLANs, all that are let in. */
  readonly #commands = new Map<string, KeptMessage>()

  /**
   * Takes note of a message that was served.
   * @param outcome what came of it; of what was refused nothing stays
   */
  note(message: KeptMessage, outcome: Outcome): void {
    const { request, payload, labels } = message
    if (outcome === false || typeof outcome === 'string') return
    switch (request) {
      case REQUEST.SET_MEM_TABLE: {
        const regions = decodeMemoryTable(payload)
        if (typeof regions !== 'string')
          this.#regions = regions.map((region, at) => ({ region, label: labels[at] as string }))
        return
      }
      case REQUEST.ADD_MEM_REG:
      case REQUEST.REM_MEM_REG: {
        const region = decodeRegion(payload)
        if (typeof region === 'string') return
        if (request === REQUEST.ADD_MEM_REG) this.#regions.push({ region, label: labels[0] as string })
        else {
          // The last announcement goes, as the first may be the one that brought the file.
          const at = this.#regions.findLastIndex((each) => isSame(each.region, region))
          if (at >= 0) this.#regions.splice(at, 1)
        }
        return
      }
      case REQUEST.SET_CONFIG:
        this.#config.set(Buffer.from(payload.subarray(0, 8)).toString('hex'), message)
        return
      case REQUEST.RESET_OWNER:
        for (const index of this.#rings.keys()) this.#setEnabled(index, false)
        return
      case REQUEST.RESET_DEVICE:
        this.#reset()
        return
      case REQUEST.SET_STATUS:
        this.#single.set(request, message)
        if (decodeU64(payload) !== 0n) return
        this.#single.delete(request)
        this.#reset()
        return
      case REQUEST.GET_VRING_BASE:
        if (outcome instanceof Uint8Array) this.#stop(payload, outcome)
        return
      case DRIVER_COMMAND:
        this.#command(message)
        return
      case REQUEST.SET_FEATURES:
        if (!this.#isSameDriver(payload)) this.#commands.clear()
        this.#single.set(request, message)
        // Without protocol features all rings are enabled by it.
        if (!this.#speaks) for (const ring of this.#rings.values()) ring.delete(REQUEST.SET_VRING_ENABLE)
        return
    }
    if (RING_ORDER.includes(request)) this.#noteRing(message)
    else if (KEPT_REQUESTS.has(request)) this.#single.set(request, message)
  }

  #command(message: KeptMessage): void {
    const [kind, command, ...data] = message.payload
    if (kind === VIRTIO_NET_CTRL.ANNOUNCE) return
    if (kind !== VIRTIO_NET_CTRL.VLAN) {
      this.#commands.set(`${kind} ${command}`, message)
      return
    }
    const key = `${kind} vlan ${data[0]} ${data[1]}`
    if (command === VIRTIO_NET_CTRL_VLAN.ADD) this.#commands.set(key, message)
    else this.#commands.delete(key)
  }

  /** Whether features are those of before, but for the log of a migration. */
  #isSameDriver(payload: Uint8Array): boolean {
    const before = this.#single.get(REQUEST.SET_FEATURES)?.payload
    const [was, is] = [before && decodeU64(before), decodeU64(payload)]
    if (typeof was !== 'bigint' || typeof is !== 'bigint') return false
    const isAboutLog = ((was | is) & VIRTIO_F.VHOST_F_LOG_ALL) !== 0n
    return isAboutLog && (was | VIRTIO_F.VHOST_F_LOG_ALL) === (is | VIRTIO_F.VHOST_F_LOG_ALL)
  }

  /** Whether the frontend has negotiated protocol features: only then are rings enabled one by one. */
  get #speaks(): boolean {
    const payload = this.#single.get(REQUEST.SET_FEATURES)?.payload
    const features = payload && decodeU64(payload)
    return typeof features === 'bigint' && (features & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES) !== 0n
  }

  #ring(index: number): Map<number, KeptMessage> {
    const ring = this.#rings.get(index) ?? new Map<number, KeptMessage>()
    this.#rings.set(index, ring)
    return ring
  }

  #noteRing(message: KeptMessage): void {
    const { request, payload } = message
    // All of them begin with the index, some with a flag in the second byte.
    const ring = this.#ring((payload[0] as number) & VRING_INDEX_MASK)
    ring.set(request, message)
    if (request === REQUEST.SET_VRING_KICK && !this.#speaks) ring.delete(REQUEST.SET_VRING_ENABLE)
  }

  #setEnabled(index: number, on: boolean): void {
    const payload = encodeVringState(index, on ? 1 : 0)
    this.#ring(index).set(REQUEST.SET_VRING_ENABLE, {
      request: REQUEST.SET_VRING_ENABLE,
      payload,
      labels: [],
    })
  }

  /** A ring was stopped; where it stopped may be asked again. */
  #stop(payload: Uint8Array, reply: Uint8Array): void {
    const asked = decodeVringState(payload)
    if (typeof asked === 'string') return
    const ring = this.#ring(asked.index)
    ring.delete(REQUEST.SET_VRING_KICK)
    ring.set(REQUEST.SET_VRING_BASE, { request: REQUEST.SET_VRING_BASE, payload: reply, labels: [] })
  }

  /** The device was reset: memory, log and what was agreed about the protocol stay, and where rings stopped. */
  #reset(): void {
    const speaks = this.#speaks
    for (const ring of this.#rings.values())
      for (const request of RING_ORDER) if (request !== REQUEST.SET_VRING_BASE) ring.delete(request)
    this.#config.clear()
    this.#commands.clear()
    this.#single.delete(REQUEST.NET_SET_MTU)
    if (!this.#single.has(REQUEST.SET_FEATURES)) return
    const payload = encodeU64(speaks ? VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES : 0n)
    this.#single.set(REQUEST.SET_FEATURES, { request: REQUEST.SET_FEATURES, payload, labels: [] })
  }

  /** What is to be said to a new device. */
  messages(): KeptMessage[] {
    const said = (requests: readonly number[]): KeptMessage[] =>
      requests.flatMap((request) => this.#single.get(request) ?? [])
    const rings = [...this.#rings.values()].flatMap((ring) =>
      RING_ORDER.flatMap((request) => ring.get(request) ?? []),
    )
    return [
      ...said(FIRST),
      ...this.#memory(),
      ...said(THEN),
      ...this.#config.values(),
      ...rings,
      ...said([REQUEST.SET_STATUS]),
      ...this.#commands.values(),
    ]
  }

  #memory(): KeptMessage[] {
    if (this.#regions.length === 0) return []
    const isFirst = ({ region }: KeptRegion, at: number): boolean =>
      this.#regions.findIndex((each) => isSame(each.region, region)) === at
    const table = this.#regions.filter(isFirst).slice(0, MAX_TABLE_REGIONS)
    const rest = this.#regions.filter((each) => !table.includes(each))
    return [
      {
        request: REQUEST.SET_MEM_TABLE,
        payload: encodeMemoryTable(table.map(({ region }) => region)),
        labels: table.map(({ label }) => label),
      },
      ...rest.map(({ region, label }) => ({
        request: REQUEST.ADD_MEM_REG,
        payload: encodeRegion(region),
        labels: [label],
      })),
    ]
  }

  /** Takes over what was said before. */
  restore(messages: readonly KeptMessage[]): void {
    for (const message of messages) this.note(message, undefined)
  }

  /** The labels of descriptors that are part of it. */
  labels(): ReadonlySet<string> {
    return new Set(this.messages().flatMap(({ labels }) => labels))
  }
}
