import { MAX_QUEUE_PAIRS } from '../../core/layout.js'
import { EventChannelDevice } from '../../sys/xen-evtchn.js'
import type { BackendDevice, VifOwner } from '../../xen/backend-device.js'
import type { FoundVif, VifKeys } from '../../xen/backend-keys.js'
import type { NetifFrontend } from '../../xen/frontend.js'
import type { PreparedChange } from '../change.js'
import type { PortConfig, XenConfig } from '../config.js'
import type { PortHost, PortStatus } from '../port.js'
import { readSettings } from '../settings.js'
import { NetifPort } from './netif-port.js'
import type { VifSlot, VifWish } from './xen-bus.js'
import { XenDomain } from './xen-domain.js'
import { rateLimitOf } from './xl-rate.js'

/** What of a vif's toolstack settings a port goes by. */
type ToldByToolstack = Pick<VifKeys, 'mac' | 'rate'>

/** The port's settings with what the guest's `xl` configuration says, where the port's own say nothing. */
export function withToolstack(config: XenConfig, { mac, rate }: ToldByToolstack): XenConfig {
  return {
    ...config,
    ...(config.ownMac && mac !== undefined && config.macs === undefined ? { macs: [mac] } : {}),
    ...(rate !== undefined && config.fromVm === undefined ? { fromVm: rateLimitOf(rate) } : {}),
  }
}

/** Of a frontend, what the port's settings let it use. */
function usable(frontend: NetifFrontend, offloads: boolean): NetifFrontend {
  if (offloads) return frontend
  const features = {
    ...frontend.features,
    gsoTcpv4: false,
    gsoTcpv6: false,
    csumIpv4: false,
    csumIpv6: false,
  }
  return { ...frontend, features }
}

/** The vif of a guest of Xen whose driver domain this is: netif rings, found and followed in xenstore. */
export class XenPort extends NetifPort<XenConfig> implements VifSlot {
  readonly wish: VifWish
  readonly owner: VifOwner
  readonly #domain: XenDomain
  #vif: FoundVif | undefined
  #device: BackendDevice | undefined
  #told: ToldByToolstack = { mac: undefined, rate: undefined }
  /** Why the vif cannot be served at present. */
  #trouble: string | undefined

  /** Throws as openXenDevice(). */
  constructor(host: PortHost, index: number, config: XenConfig) {
    const domain = XenDomain.of(host)
    super(host, index, config, { grants: domain.grants, channels: new EventChannelDevice() })
    this.#domain = domain
    const { guest, handle, guestMac, queues = 1, offloads = true } = config
    this.wish = {
      ...(guest === 'any' ? {} : { guest }),
      ...(handle === undefined ? {} : { handle }),
      ...(guestMac === undefined ? {} : { mac: guestMac.toLowerCase() }),
    }
    this.owner = {
      features: { maxQueues: Math.min(queues, MAX_QUEUE_PAIRS), offloads, multicastControl: true },
      configure: (keys) => this.#configure(keys),
      connect: (frontend) => {
        this.connect(usable(frontend, offloads))
        this.#trouble = undefined
      },
      disconnect: (reason) => this.disconnect(reason),
      onTrouble: (reason) => {
        this.#trouble = reason
        host.report(this, 'error', reason)
      },
      onGone: () => this.#forget(),
    }
    this.onBreach = (reason) => this.#device?.breach(reason)
  }

  onFound(vif: FoundVif, device: BackendDevice): void {
    this.#vif = vif
    this.#device = device
  }

  #forget(): void {
    const { place } = this
    this.#vif = undefined
    this.#device = undefined
    this.#trouble = undefined
    this.#configure({ mac: undefined, rate: undefined })
    // Also where the frontend had closed before: the port waits only now, and its status is known by reports alone.
    this.host.report(this, 'detached', `${place} was taken away`)
  }

  #configure(told: ToldByToolstack): void {
    this.#told = told
    this.row.configure(readSettings(withToolstack(this.config, told)))
  }

  override open(): void {
    super.open()
    this.#domain.join(this)
  }

  override prepare(config: PortConfig): PreparedChange {
    const change = super.prepare(config)
    const commit = (): void => {
      change.commit()
      this.#configure(this.#told)
    }
    return { ...change, commit }
  }

  override serveRequest(): boolean {
    return this.#domain.serve(this)
  }

  protected override get place(): string {
    const vif = this.#vif
    if (!vif) return ''
    return vif.guest === undefined ? vif.backend : `${vif.backend} (${vif.guest})`
  }

  override status(): PortStatus {
    const status = super.status()
    return {
      ...status,
      ...(status.state === 'waiting' && this.#vif ? { state: 'attached' as const } : {}),
      ...(this.#trouble === undefined ? {} : { reason: this.#trouble }),
    }
  }

  override close(): void {
    // First, so that the toolstack and the guest are told nothing: whoever serves the vif next goes on with its rings.
    this.#domain.leave(this)
    super.close()
    this.#domain.closeIfUnused()
  }
}
