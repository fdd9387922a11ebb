import { inTransaction, listKeys, readKey, type StoreTask, writeKey } from './store-client.js'
import { XENBUS_STATE, type XenbusState } from './xenbus-state.js'

/** What the toolstack wrote of a vif for its backend, and what matters of the frontend's side. */
export interface VifKeys {
  /** The guest's number. */
  readonly domain: number
  /** The frontend's folder in the store. */
  readonly frontend: string
  readonly frontendState: XenbusState
  readonly backendState: XenbusState
  /** false: the toolstack takes the vif away. */
  readonly online: boolean
  /** Whether the toolstack runs a hotplug script for the vif, and what that said: "connected", "error". */
  readonly hasScript: boolean
  readonly hotplugStatus: string | undefined
  readonly hotplugError: string | undefined
  /** MAC of `vif = [...]`, in lower case. */
  readonly mac: string | undefined
  /** Rate of `vif = [...]` for what the guest sends; undefined: none. */
  readonly rate: VifRate | undefined
}

/** Bytes that may pass within an interval. */
export interface VifRate {
  readonly bytes: number
  readonly intervalUs: number
}

/** Features of the backend that it says of itself, each a key with the value 1. */
export interface BackendFeatures {
  readonly maxQueues: number
  readonly offloads: boolean
  readonly multicastControl: boolean
}

function stateOf(text: string | undefined): XenbusState {
  const value = Number(text)
  return Object.values(XENBUS_STATE).find((state) => state === value) ?? XENBUS_STATE.Unknown
}

/** "BYTES,MICROSECONDS" as libxl writes it; undefined for anything else. */
export function parseVifRate(text: string | undefined): VifRate | undefined {
  const match = /^(\d{1,15}),(\d{1,10})$/.exec(text ?? '')
  const [bytes, intervalUs] = [Number(match?.[1]), Number(match?.[2])]
  return match && bytes > 0 && intervalUs > 0 ? { bytes, intervalUs } : undefined
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** Reads what there is at a backend's folder; undefined when the toolstack has removed it or not finished it. */
export function* readVif(backend: string): StoreTask<VifKeys | undefined> {
  const frontend = yield* readKey(`${backend}/frontend`)
  const domain = Number((yield* readKey(`${backend}/frontend-id`)) ?? Number.NaN)
  if (!frontend || !Number.isInteger(domain)) return undefined
  const mac = (yield* readKey(`${backend}/mac`))?.toLowerCase()
  return {
    domain,
    frontend,
    frontendState: stateOf(yield* readKey(`${frontend}/state`)),
    backendState: stateOf(yield* readKey(`${backend}/state`)),
    online: (yield* readKey(`${backend}/online`)) === '1',
    hasScript: (yield* readKey(`${backend}/script`)) !== undefined,
    hotplugStatus: yield* readKey(`${backend}/hotplug-status`),
    hotplugError: yield* readKey(`${backend}/hotplug-error`),
    mac: mac !== undefined && MAC.test(mac) ? mac : undefined,
    rate: parseVifRate(yield* readKey(`${backend}/rate`)),
  }
}

/** Writes a backend's state, unless the toolstack has removed the vif meanwhile: a key must not come back. */
export function* writeState(backend: string, state: XenbusState): StoreTask<void> {
  yield* inTransaction(function* (transaction) {
    if ((yield* readKey(`${backend}/state`, transaction)) === undefined) return
    yield* writeKey(`${backend}/state`, String(state), transaction)
  })
}

/** Says what the backend can do, and that it waits for its frontend (InitWait). Source: xen/include/public/io/netif.h. */
export function* offerVif(backend: string, features: BackendFeatures): StoreTask<void> {
  const offload = features.offloads ? '1' : '0'
  const multicast = features.multicastControl ? '1' : '0'
  const keys: readonly (readonly [string, string])[] = [
    ['feature-rx-copy', '1'],
    ['feature-rx-flip', '0'],
    ['feature-sg', '1'],
    ['feature-gso-tcpv4', offload],
    ['feature-gso-tcpv6', offload],
    ['feature-ipv6-csum-offload', offload],
    ['feature-multicast-control', multicast],
    ['feature-dynamic-multicast-control', multicast],
    ['feature-split-event-channels', '1'],
    ['multi-queue-max-queues', String(features.maxQueues)],
    ['state', String(XENBUS_STATE.InitWait)],
  ]
  yield* inTransaction(function* (transaction) {
    if ((yield* readKey(`${backend}/state`, transaction)) === undefined) return
    for (const [key, value] of keys) yield* writeKey(`${backend}/${key}`, value, transaction)
  })
}

/** A vif that the toolstack gave to this domain. */
export interface FoundVif {
  /** Its folder: "backend/vif/3/0", below the one of this domain. */
  readonly backend: string
  readonly domain: number
  /** Its place in the guest's `vif = [...]`. */
  readonly handle: number
  /** The guest's name; undefined where this domain may not read it. */
  readonly guest: string | undefined
  readonly mac: string | undefined
}

const NUMBER = /^\d{1,5}$/

/** All vifs that this domain has to serve; not those that are being taken away. @param root "backend/vif" */
export function* findVifs(root: string): StoreTask<FoundVif[]> {
  const found: FoundVif[] = []
  for (const domain of yield* listKeys(root)) {
    if (!NUMBER.test(domain)) continue
    for (const handle of yield* listKeys(`${root}/${domain}`)) {
      const backend = `${root}/${domain}/${handle}`
      const vif = NUMBER.test(handle) ? yield* readVif(backend) : undefined
      if (!vif?.online) continue
      const guest = yield* guestName(vif.domain)
      found.push({ backend, domain: vif.domain, handle: Number(handle), guest, mac: vif.mac })
    }
  }
  return found
}

function* guestName(domain: number): StoreTask<string | undefined> {
  try {
    return yield* readKey(`/local/domain/${domain}/name`)
  } catch {
    // A driver domain may not read it.
    return undefined
  }
}
