/**
 * A guest's NIC over netif rings (Xen): the plane serves them as it serves a vif's, by a vring of its own before each.
 * Whoever follows xenbus brings frontends and takes them away; one that breaks the rules of its rings is disconnected
 * alone, with its reason kept.
 */

import type { HoldLimits } from '../../aggregation/hold-limits.js'
import {
  BROKEN_NETIF_CUT,
  BROKEN_NETIF_EXTRA,
  BROKEN_NETIF_GSO,
  BROKEN_NETIF_INDEX,
  BROKEN_NETIF_PAGE,
  BROKEN_NETIF_SIZE,
  BROKEN_NETIF_SLOTS,
  BROKEN_NONE,
  MAX_NETIF_SLOTS,
  P_BROKEN_REASON,
  P_BROKEN_VRING,
  P_FDB_COUNT,
  P_TAKES,
  PORT_BROKEN,
  PORT_LINK,
  VRINGS_PER_PORT,
} from '../../core/layout.js'
import { PortRow } from '../../core/port-row.js'
import type { EventChannels, GrantDevice } from '../../xen/devices.js'
import type { NetifAttachment, NetifFrontend } from '../../xen/frontend.js'
import { affectsAddresses, checkChange, type PreparedChange } from '../change.js'
import type { PortConfig } from '../config.js'
import { offloadNames } from '../host-output.js'
import type { PortHost, PortStatus, RingPort } from '../port.js'
import { readSettings } from '../settings.js'
import { NetifRings } from './netif-rings.js'

const BROKEN_TEXT: ReadonlyMap<number, string> = new Map<number, string>([
  [BROKEN_NETIF_INDEX, 'the request index runs ahead of the ring'],
  [BROKEN_NETIF_CUT, 'a packet ends before its slots or its extra information do'],
  [BROKEN_NETIF_EXTRA, 'extra information is of no known type, or goes on for ever'],
  [BROKEN_NETIF_GSO, 'segments have no size, or are of no known kind'],
  [BROKEN_NETIF_SLOTS, `a packet has more than ${MAX_NETIF_SLOTS} slots`],
  [BROKEN_NETIF_SIZE, 'the slots of a packet hold more than it says'],
  [BROKEN_NETIF_PAGE, 'a slot reaches beyond its page'],
])

/** What the port needs of Xen; the channels are its own from now on. */
export interface NetifDevices {
  readonly grants: GrantDevice
  readonly channels: EventChannels
}

export class NetifPort<Config extends PortConfig = PortConfig> implements RingPort, NetifAttachment {
  readonly hasRings = true
  readonly name: string
  readonly kind: Config['kind']
  readonly index: number
  onBreach: (reason: string) => void = () => {}
  protected readonly host: PortHost
  protected readonly row: PortRow
  readonly #rings: NetifRings
  readonly #channels: EventChannels
  #config: Config
  #frontend: NetifFrontend | undefined
  #reason: string | undefined
  #detachments = 0

  constructor(host: PortHost, index: number, config: Config, { grants, channels }: NetifDevices) {
    this.host = host
    this.index = index
    this.name = config.name
    this.kind = config.kind
    this.row = new PortRow(host.memory, index)
    this.#config = config
    this.#channels = channels
    this.#rings = new NetifRings(host, this.row, grants, channels)
  }

  get config(): Config {
    return this.#config
  }

  /** Where the guest finds the port. */
  protected get place(): string {
    return this.#frontend === undefined ? '' : `domain ${this.#frontend.domain}`
  }

  // ---- what whoever follows xenbus asks for ----

  connect(frontend: NetifFrontend): void {
    this.disconnect('the frontend connects anew')
    this.row.set(P_BROKEN_REASON, BROKEN_NONE)
    this.row.flag(PORT_BROKEN, false)
    this.#rings.start(frontend)
    this.#frontend = frontend
    this.#reason = undefined
    this.row.flag(PORT_LINK, true)
    this.host.wake(this.index)
    this.host.report(this, 'attached', this.place)
    this.host.report(this, 'link-up', '')
  }

  disconnect(reason: string): void {
    if (this.#frontend === undefined) return
    this.#rings.stop()
    this.#frontend = undefined
    this.#reason = reason
    this.row.flag(PORT_LINK, false)
    this.host.plane.fdbSweep(this.index)
    this.row.set(P_FDB_COUNT, 0)
    this.host.report(this, 'link-down', '')
    this.host.report(this, 'detached', reason)
  }

  /** Disconnects the frontend for what it did, or what failed on its behalf. */
  #eject(reason: string): void {
    this.#detachments++
    this.disconnect(reason)
    this.onBreach(reason)
  }

  // ---- what the engine asks for ----

  open(): void {
    this.row.open(readSettings(this.#config), true)
  }

  prepare(config: PortConfig): PreparedChange {
    const { settings, next } = checkChange(this.#config, config)
    const row = readSettings(next)
    const commit = (): void => {
      this.#config = next
      this.row.configure(row)
      if (settings.includes('publish')) {
        this.row.setHoldLimits(row.hold)
        this.host.plane.publishPort(this.index)
      }
      if (affectsAddresses(settings)) this.host.plane.recheckAddresses(this.index)
      this.host.wake(this.index)
    }
    return { settings, commit, cancel: () => {} }
  }

  tick(_nowUs: number): void {
    this.#rings.tick()
  }

  serveRequest(): boolean {
    return false
  }

  checkCommands(): void {}

  get isControlled(): boolean {
    return this.#config.publish === undefined
  }

  setHoldLimits(limits: HoldLimits): void {
    this.row.setHoldLimits(limits)
  }

  fail(reason: string): void {
    if (this.#frontend !== undefined) this.#eject(reason)
    else if (this.#reason !== reason) {
      this.#reason = reason
      this.host.report(this, 'error', reason)
    }
  }

  breach(): void {
    if (this.#frontend === undefined) return
    const queue = this.row.get(P_BROKEN_VRING) % VRINGS_PER_PORT
    const reason = this.row.get(P_BROKEN_REASON)
    const ring = `${(queue & 1) === 0 ? 'rx' : 'tx'} ring ${queue >> 1}`
    this.#eject(`${ring}: ${BROKEN_TEXT.get(reason) ?? `broken (${reason})`}`)
  }

  /** No memory of a guest's is mapped on demand. */
  mapMissed(_granule: number): void {}

  /** Nor does it go away: what is mapped stays until it is unmapped here. */
  loseMemory(_offset: number): boolean {
    return false
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      state: this.#frontend === undefined ? 'waiting' : 'up',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: this.#detachments,
      negotiated: offloadNames(this.row.get(P_TAKES)),
      place: this.place,
    }
  }

  close(): void {
    this.disconnect('the port was removed')
    this.#channels.close()
    this.row.close()
  }
}
