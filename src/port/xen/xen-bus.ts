import { BackendDevice, type VifOwner } from '../../xen/backend-device.js'
import { type FoundVif, findVifs } from '../../xen/backend-keys.js'
import { StoreClient, StoreError } from '../../xen/store-client.js'

/** Where the toolstack puts the vifs of this domain, below the domain's own folder. */
const VIFS = 'backend/vif'

/** Which vifs a port takes; what is left out may be any. */
export interface VifWish {
  /** Name of the guest. */
  readonly guest?: string
  /** Place in the guest's `vif = [...]`, from 0. */
  readonly handle?: number
  /** In lower case. */
  readonly mac?: string
}

/** A port that takes one vif at a time. */
export interface VifSlot {
  readonly wish: VifWish
  readonly owner: VifOwner
  /** A vif was found for the port. */
  onFound(vif: FoundVif, device: BackendDevice): void
}

/** A connection to xenstore; src/sys/xenbus-device.ts is the kernel's. */
export interface StoreConnection {
  /** What has come, or undefined when nothing has. */
  read(): Uint8Array | undefined
  write(message: Uint8Array): void
}

function matches({ guest, handle, mac }: VifWish, vif: FoundVif): boolean {
  return (
    (guest === undefined || guest === vif.guest) &&
    (handle === undefined || handle === vif.handle) &&
    (mac === undefined || mac === vif.mac)
  )
}

/** The more a port says of its vif, the sooner it gets it. */
const precision = ({ wish }: VifSlot): number =>
  Object.values(wish).filter((word) => word !== undefined).length

/**
 * The vifs that the toolstack gave to this domain, and the ports that take them: one connection to xenstore for all of
 * an engine's ports. A vif goes to the free port that describes it most exactly, the first of several; it stays there
 * until it is taken away.
 */
export class XenBus {
  readonly #connection: StoreConnection
  readonly #store: StoreClient
  readonly #slots = new Map<VifSlot, BackendDevice | undefined>()
  readonly #onLeft: (vif: FoundVif) => void
  /** Vifs without a port, told of once. */
  #left = new Set<string>()
  #isScanning = false
  #isDirty = false

  /** @param onLeft told once of a vif that no port takes */
  constructor(connection: StoreConnection, onLeft: (vif: FoundVif) => void) {
    this.#connection = connection
    this.#onLeft = onLeft
    this.#store = new StoreClient((message) => connection.write(message))
    this.#store.watch(VIFS, (path) => {
      // What changes in a vif that has a port is followed there.
      const isTaken = [...this.#slots.values()].some(
        (device) => device && (path === device.backend || path.startsWith(`${device.backend}/`)),
      )
      if (!isTaken) this.#scan()
    })
  }

  /** Adds a port; vifs that wait are given out. */
  add(slot: VifSlot): void {
    this.#slots.set(slot, undefined)
    this.#scan()
  }

  /** The port goes; its vif stays Connected, for whoever serves it next. */
  remove(slot: VifSlot): void {
    this.#slots.get(slot)?.close()
    this.#slots.delete(slot)
  }

  /** Takes what has come from the store. Returns whether there may be more. Throws when the connection is no good. */
  serve(): boolean {
    const chunk = this.#connection.read()
    if (chunk === undefined) return false
    this.#store.take(chunk)
    return true
  }

  #scan(): void {
    this.#isDirty = true
    if (this.#isScanning) return
    this.#isScanning = true
    this.#isDirty = false
    this.#store.run(findVifs(VIFS), (found, error) => {
      this.#isScanning = false
      if (error !== undefined && !(error instanceof StoreError)) throw error
      if (found) this.#giveOut(found)
      if (this.#isDirty) this.#scan()
    })
  }

  #giveOut(found: readonly FoundVif[]): void {
    const taken = new Set([...this.#slots.values()].map((device) => device?.backend))
    const left = found.filter(({ backend }) => !taken.has(backend)).filter((vif) => !this.#give(vif))
    for (const vif of left) if (!this.#left.has(vif.backend)) this.#onLeft(vif)
    this.#left = new Set(left.map(({ backend }) => backend))
  }

  #give(vif: FoundVif): boolean {
    const free = [...this.#slots].filter(([, device]) => device === undefined).map(([slot]) => slot)
    const [slot] = free.filter(({ wish }) => matches(wish, vif)).sort((a, b) => precision(b) - precision(a))
    if (!slot) return false
    const onGone = (): void => {
      slot.owner.onGone()
      if (this.#slots.has(slot)) this.#slots.set(slot, undefined)
      this.#scan()
    }
    const { owner } = slot
    const device = new BackendDevice(this.#store, vif.backend, {
      features: owner.features,
      configure: (keys) => owner.configure(keys),
      connect: (frontend) => owner.connect(frontend),
      disconnect: (reason) => owner.disconnect(reason),
      onTrouble: (reason) => owner.onTrouble(reason),
      onGone,
    })
    this.#slots.set(slot, device)
    slot.onFound(vif, device)
    return true
  }
}
