/** A modelled toolstack and its guests' frontends, as a backend sees them in xenstore; ports that note what they are told. */

import { type VifSlot, type VifWish, XenBus } from '../../src/port/xen/xen-bus.js'
import type { BackendDevice } from '../../src/xen/backend-device.js'
import type { FoundVif, VifKeys } from '../../src/xen/backend-keys.js'
import type { NetifFrontend } from '../../src/xen/frontend.js'
import { XenstoreModel } from '../model/xenstore.js'

/** A port that notes what it is told. */
export class NotingSlot implements VifSlot {
  readonly log: string[] = []
  frontend: NetifFrontend | undefined
  keys: VifKeys | undefined
  device: BackendDevice | undefined
  found: FoundVif | undefined
  /** Why connect() fails. */
  refusal: string | undefined
  readonly wish: VifWish

  constructor(wish: VifWish = {}) {
    this.wish = wish
  }

  readonly owner = {
    features: { maxQueues: 2, offloads: true, multicastControl: false },
    configure: (keys: VifKeys) => {
      this.keys = keys
    },
    connect: (frontend: NetifFrontend) => {
      if (this.refusal) throw new Error(this.refusal)
      this.frontend = frontend
      this.log.push('connect')
    },
    disconnect: (reason: string) => {
      this.frontend = undefined
      this.log.push(`disconnect: ${reason}`)
    },
    onTrouble: (reason: string) => this.log.push(`trouble: ${reason}`),
    onGone: () => this.log.push('gone'),
  }

  onFound(vif: FoundVif, device: BackendDevice): void {
    this.found = vif
    this.device = device
  }
}

export const backendOf = (domain: number, handle = 0): string =>
  `/local/domain/0/backend/vif/${domain}/${handle}`
const frontendOf = (domain: number, handle = 0): string => `/local/domain/${domain}/device/vif/${handle}`

export class ToolstackModel {
  readonly model = new XenstoreModel(0)
  /** Vifs that no port took. */
  readonly left: FoundVif[] = []
  readonly bus = new XenBus(this.model, (vif) => this.left.push(vif))

  constructor() {
    this.settle()
  }

  /** Carries bytes until nothing moves any more. */
  settle(): void {
    for (let turns = 0; this.bus.serve(); turns++)
      if (turns > 5000) throw new Error('the bus does not come to rest')
  }

  add(wish?: VifWish): NotingSlot {
    const slot = new NotingSlot(wish)
    this.bus.add(slot)
    this.settle()
    return slot
  }

  set(entries: Readonly<Record<string, string | number>>): void {
    this.model.set(entries)
    this.settle()
  }

  remove(path: string): void {
    this.model.remove(path)
    this.settle()
  }

  /** What `xl create` writes of a vif. */
  create(domain: number, { handle = 0, name = `guest${domain}`, more = {} } = {}): void {
    const [back, front] = [backendOf(domain, handle), frontendOf(domain, handle)]
    this.set({
      [`/local/domain/${domain}/name`]: name,
      [`${front}/backend`]: back,
      [`${front}/state`]: 1,
      [`${back}/frontend`]: front,
      [`${back}/frontend-id`]: domain,
      [`${back}/online`]: 1,
      [`${back}/state`]: 1,
      [`${back}/script`]: '/etc/xen/scripts/vif-ringferry',
      [`${back}/mac`]: `00:16:3e:00:0${handle}:0${domain}`,
      [`${back}/handle`]: handle,
      ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`${back}/${key}`, String(value)])),
    })
  }

  /** The toolstack's script has run. */
  hotplug(domain: number, handle = 0): void {
    this.set({ [`${backendOf(domain, handle)}/hotplug-status`]: 'connected' })
  }

  /** What netfront writes when it has its rings. */
  connect(domain: number, keys: Record<string, string | number> = {}): void {
    const all = {
      'tx-ring-ref': 8,
      'rx-ring-ref': 9,
      'event-channel-tx': 3,
      'event-channel-rx': 4,
      'request-rx-copy': 1,
      'feature-sg': 1,
      'feature-gso-tcpv4': 1,
      ...keys,
    }
    for (const [key, value] of Object.entries(all))
      this.model.set({ [`${frontendOf(domain)}/${key}`]: value })
    this.state(domain, 4)
  }

  /** The frontend's state. */
  state(domain: number, value: number): void {
    this.set({ [`${frontendOf(domain)}/state`]: value })
  }

  backendState(domain: number): string | undefined {
    return this.model.get(`${backendOf(domain)}/state`)
  }

  /** What libxl does to take a vif away. */
  unplug(domain: number): void {
    this.set({ [`${backendOf(domain)}/online`]: 0, [`${backendOf(domain)}/state`]: 5 })
  }

  /** A port whose vif is connected. */
  running(domain = 1): NotingSlot {
    const slot = this.add()
    this.create(domain)
    this.hotplug(domain)
    this.connect(domain)
    return slot
  }
}
