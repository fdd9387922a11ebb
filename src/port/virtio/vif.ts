/**
 * A guest's NIC as the driver domain sees it: a vhost-user session, the guest's granted memory, and the
 * rings that the plane serves. One guest at a time; when it goes, the port waits for the next, and a guest
 * that breaks the protocol is detached alone, with its reason kept.
 */

import type { HoldLimits } from '../../aggregation/hold-limits.js'
import {
  BROKEN_AVAIL_INDEX,
  BROKEN_HEAD,
  BROKEN_LOG,
  BROKEN_NONE,
  BROKEN_RX_CHAIN,
  P_BROKEN_REASON,
  P_BROKEN_VRING,
  P_FDB_COUNT,
  PORT_BROKEN,
  VRINGS_PER_PORT,
} from '../../core/layout.js'
import { PortRow } from '../../core/port-row.js'
import { Grants } from '../../grants/grants.js'
import { EPOLLET, EPOLLIN } from '../../sys/epoll.js'
import type { DetachCause } from '../../vhost-user/device.js'
import { VhostUserSession } from '../../vhost-user/session.js'
import { featureNames } from '../../virtio/virtio.js'
import { affectsAddresses, checkChange, type PreparedChange, type ToldSetting } from '../change.js'
import type { EmbeddedConfig, PortConfig, VifConfig } from '../config.js'
import { PeerSocket } from '../peer-socket.js'
import type { PortHost, PortStatus, RingPort } from '../port.js'
import { readSettings } from '../settings.js'
import { VifDevice } from './device.js'
import { KeptGuest } from './kept-guest.js'

const UNSHARED =
  'the guest kicks, but its rings never move: its memory is not shared with the switch; with QEMU give ' +
  '-object memory-backend-memfd,share=on and name it in -machine memory-backend= or -numa'

const BROKEN_TEXT: ReadonlyMap<number, string> = new Map<number, string>([
  [BROKEN_HEAD, 'an available chain starts beyond the ring'],
  [BROKEN_AVAIL_INDEX, 'the available index runs ahead of the ring'],
  [BROKEN_RX_CHAIN, 'a receive chain is malformed'],
  [BROKEN_LOG, 'the log of dirty pages has no bit for a page that was written'],
])

export class Vif implements RingPort {
  readonly hasRings = true
  readonly name: string
  readonly kind: 'vif' | 'embedded'
  readonly index: number
  readonly #host: PortHost
  readonly #row: PortRow
  readonly #grants: Grants
  readonly #device: VifDevice
  /** Where guests come; undefined: the only one is there already. */
  readonly #peers: PeerSocket | undefined
  /** Keeps the guest beyond the end of the switch; undefined: it ends with it. */
  readonly #kept: KeptGuest | undefined
  #config: VifConfig | EmbeddedConfig
  #session: VhostUserSession | undefined
  /** Whether the session's socket may hold something. */
  #mayRead = false
  /** Whether memory of the last guest is still to be unmapped; the next one is not served before. */
  #sweeps = false
  #reason: string | undefined
  #detachments = 0
  #controlWaits = false
  /** Whether a guest is being taken up: one event tells what came of it. */
  #isTakingUp = false

  constructor(host: PortHost, index: number, config: VifConfig | EmbeddedConfig) {
    this.#host = host
    this.#config = config
    this.name = config.name
    this.kind = config.kind
    this.index = index
    this.#row = new PortRow(host.memory, index)
    this.#grants = new Grants(host.pool, this.#row)
    this.#device = new VifDevice(host, this.#row, this.#grants, config, {
      onLink: (up) => this.#onLink(up),
      onUnshared: () => this.#onUnshared(),
      onCommand: (command) => this.#kept?.commanded(command),
      onDetach: (reason, cause) => this.#onDetach(reason, cause),
    })
    this.#kept = config.kind === 'vif' ? new KeptGuest(host, config) : undefined
    if (config.kind === 'vif')
      this.#peers = new PeerSocket(host, this, this.#row, config, {
        hasPeer: () => this.#session !== undefined,
        attach: (fd) => this.#attach(fd),
        onTrouble: (problem) => this.#host.report(this, 'error', problem),
      })
  }

  get config(): VifConfig | EmbeddedConfig {
    return this.#config
  }

  open(): void {
    const config = this.#config
    this.#device.check(config)
    this.#row.open(readSettings(config), true)
    try {
      if (config.kind === 'embedded') this.#attach(config.fd)
      else {
        // What cannot listen leaves the guest of before to whoever can; what connects has nobody to connect to while it has one.
        if (config.mode === 'client') this.#takeUp()
        this.#peers?.open()
        if (config.mode !== 'client') this.#takeUp()
      }
    } catch (error) {
      this.#session?.close('the port was not opened', 'removed')
      while (this.#grants.sweep());
      this.#row.close()
      throw error
    }
  }

  prepare(config: PortConfig): PreparedChange {
    const knows = (setting: ToldSetting): boolean =>
      this.#session !== undefined && (setting !== 'mtu' || this.#device.tellsMtu)
    const { settings, next } = checkChange(this.#config, config, knows)
    const row = readSettings(next)
    this.#device.check(next)
    const commit = (): void => {
      this.#config = next
      this.#row.configure(row)
      this.#device.configure(next)
      if (next.kind === 'vif') this.#kept?.configure(next)
      if (settings.includes('publish')) {
        this.#row.setHoldLimits(row.hold)
        this.#host.plane.publishPort(this.index)
      }
      if (affectsAddresses(settings)) this.#host.plane.recheckAddresses(this.index)
      this.#host.wake(this.index)
    }
    return { settings, commit, cancel: () => {} }
  }

  #attach(fd: number): void {
    const keeper = this.#kept?.begin(fd, (reason) => this.#host.report(this, 'error', reason))
    this.#begin(new VhostUserSession(fd, this.#device, keeper))
    this.#host.report(this, 'attached', this.#place())
  }

  /** Goes on with the guest that was there when the switch ended, if it was kept. */
  #takeUp(): void {
    const taken = this.#kept?.takeUp()
    if (taken === undefined) return
    if (typeof taken === 'string') {
      this.#reason = `the guest of before the restart is let go: ${taken}`
      this.#host.report(this, 'detached', this.#reason)
      return
    }
    const session = new VhostUserSession(taken.session.fd, this.#device, taken.keeper)
    this.#begin(session)
    this.#isTakingUp = true
    const isTakenUp = session.resume(taken.session)
    this.#isTakingUp = false
    if (!isTakenUp) return
    this.#host.report(this, 'attached', `${this.#place()}, as before the restart`)
    if (this.#device.isUp) this.#onLink(true)
  }

  #begin(session: VhostUserSession): void {
    this.#session = session
    this.#row.set(P_BROKEN_REASON, BROKEN_NONE)
    this.#row.flag(PORT_BROKEN, false)
    this.#mayRead = true
    this.#host.watch(session.fd, EPOLLIN | EPOLLET, () => {
      this.#mayRead = true
      this.#host.request(this.index)
    })
    this.#host.request(this.index)
  }

  tick(nowUs: number): void {
    this.#peers?.tick(nowUs)
    this.#kept?.tick()
    const problem = this.#device.tick()
    if (problem !== undefined) this.#session?.close(problem)
    if (this.#controlWaits) this.#host.wake(this.index)
  }

  checkCommands(): void {
    this.#controlWaits = this.#device.mayHaveCommands
    if (this.#controlWaits) this.#host.request(this.index)
  }

  get isControlled(): boolean {
    return this.#config.publish === undefined
  }

  setHoldLimits(limits: HoldLimits): void {
    this.#row.setHoldLimits(limits)
  }

  serveRequest(): boolean {
    if (this.#sweeps) {
      this.#sweeps = this.#grants.sweep()
      return true
    }
    const session = this.#session
    if (this.#mayRead && session) {
      const more = session.onReadable()
      // The session may have ended by it, and another begun.
      if (session === this.#session) this.#mayRead = more
    }
    const commands = this.#controlWaits ? this.#device.serveCommand() : 'none'
    this.#controlWaits = commands !== 'none'
    const mayCome = this.#peers?.serve() === true
    return (this.#mayRead && this.#session !== undefined) || commands === 'more' || mayCome
  }

  fail(reason: string): void {
    if (this.#session) {
      this.#session.close(reason, 'fault')
      return
    }
    // Tries go on; the same reason is reported once.
    if (this.#reason === reason) return
    this.#reason = reason
    this.#host.report(this, 'error', reason)
  }

  breach(): void {
    const reason = this.#row.get(P_BROKEN_REASON)
    const queue = this.#row.get(P_BROKEN_VRING) % VRINGS_PER_PORT
    this.#session?.close(`ring ${queue}: ${BROKEN_TEXT.get(reason) ?? `broken (${reason})`}`)
  }

  mapMissed(granule: number): void {
    if (this.#grants.mapGranule(granule)) this.#host.wake(this.index)
  }

  loseMemory(offset: number): boolean {
    const reason = this.#device.lossAt(offset)
    if (reason === undefined) return false
    this.#session?.close(reason)
    return true
  }

  #onUnshared(): void {
    this.#reason = UNSHARED
    this.#host.report(this, 'error', UNSHARED)
  }

  #place(): string {
    return this.#config.kind === 'vif' ? this.#config.socket : 'in this process'
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      state: this.#device.isUp ? 'up' : this.#session ? 'attached' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: this.#detachments,
      negotiated: featureNames(this.#device.features),
      place: this.#place(),
    }
  }

  close(): void {
    // The socket goes first, whatever the rest meets.
    this.#peers?.close()
    this.#session?.close('the port was removed', 'removed')
    while (this.#grants.sweep());
    this.#row.close()
  }

  #onLink(up: boolean): void {
    if (this.#isTakingUp) return
    if (up) this.#reason = undefined
    this.#host.report(this, up ? 'link-up' : 'link-down', '')
  }

  #onDetach(reason: string, cause: DetachCause): void {
    const session = this.#session
    this.#session = undefined
    if (session) this.#host.unwatch(session.fd)
    this.#kept?.end()
    this.#reason = reason
    if (cause === 'breach' || cause === 'fault') this.#detachments++
    this.#device.forget()
    this.#grants.release()
    this.#sweeps = true
    this.#host.request(this.index)
    this.#host.plane.fdbSweep(this.index)
    this.#row.set(P_FDB_COUNT, 0)
    this.#host.report(this, 'detached', reason)
  }
}
