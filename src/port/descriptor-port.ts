/**
 * What all host ports have in common: descriptors that are read and written without waiting.
 *
 *   attach() ──> attached(fds) ──> readable: receive() ──> readBurst ──> plane
 *      ^                       ──> queued by the plane: transmit() ──> writable again after block()
 *      └── retried by tick() <── detach(reason): hung up, device removed, a call that failed
 *
 * A kind of port says how it attaches, and how it reads and writes a burst.
 */

import { PORT_LINK } from '../core/layout.js'
import { PortRow } from '../core/port-row.js'
import { EPOLLIN, EPOLLOUT } from '../sys/epoll.js'
import { closeFd } from '../sys/unix-socket.js'
import { affectsAddresses, checkChange, type PreparedChange } from './change.js'
import type { EmbeddedConfig, PortConfig, VifConfig, XenConfig } from './config.js'
import { forgetPeer, HostOutput, offloadNames } from './host-output.js'
import type { HostPort, PortHost, PortStatus } from './port.js'
import { Retry } from './retry.js'
import { readSettings } from './settings.js'

/** Offloads (TAKE_*) that the other side takes, and that it may use when it sends. */
interface Offloads {
  readonly takes: number
  readonly sends: number
}

/** What a port without rings is made from. */
type HostPortConfig = Exclude<PortConfig, VifConfig | XenConfig | EmbeddedConfig>

export abstract class DescriptorPort<Config extends HostPortConfig> implements HostPort {
  readonly hasRings = false
  readonly name: string
  readonly kind: Config['kind']
  readonly index: number
  protected readonly host: PortHost
  protected readonly row: PortRow
  /** What the plane has queued for the other side. */
  protected readonly output: HostOutput
  readonly #place: string
  #config: Config
  readonly #retry = new Retry()
  #fds: readonly number[] = []
  #takes = 0
  #isUp = false
  /** Whether a descriptor takes nothing more at the moment. */
  #isBlocked = false
  #reason: string | undefined
  #detachments = 0

  /** @param place where the peer finds the port: a device name or a socket path */
  constructor(host: PortHost, index: number, config: Config, place: string) {
    this.host = host
    this.#config = config
    this.name = config.name
    this.kind = config.kind
    this.index = index
    this.row = new PortRow(host.memory, index)
    this.output = new HostOutput(host, this.row)
    this.#place = place
  }

  get config(): Config {
    return this.#config
  }

  // ---- what a kind of port says ----

  /**
   * Does what a change needs outside of the row. Throws a RingferryError, having done nothing, when it cannot.
   * @returns how to undo it
   */
  protected adapt(_config: Config): () => void {
    return () => {}
  }

  /** Takes descriptors and tells of them by attached(), or waits for a peer. Throws a RingferryError when it cannot. */
  protected abstract attach(): void

  /** Called some ten times a second while there are descriptors: checks whether the link or the device has changed. */
  protected follow(): void {}

  /** Reads up to `budget` frames and gives them to the plane. Returns how many; `budget` means that there may be more. */
  protected abstract readBurst(budget: number): number

  abstract transmit(): number

  // ---- what it may ask for ----

  /** The descriptors; none while the port waits for its device or its peer. */
  protected get fds(): readonly number[] {
    return this.#fds
  }

  /** The first descriptor, or -1. */
  protected get fd(): number {
    return this.#fds[0] ?? -1
  }

  /** The other side is there, behind these descriptors. They are watched, and closed when it goes. */
  protected attached(fds: readonly number[], { takes, sends }: Offloads): void {
    this.#fds = fds
    this.#isBlocked = false
    this.#reason = undefined
    this.#takes = takes
    this.row.setOffloads(takes, sends)
    for (const fd of fds) this.host.watch(fd, EPOLLIN, (events) => this.#onEvents(fd, events))
    this.host.report(this, 'attached', this.#place)
  }

  #onEvents(fd: number, events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.#isBlocked = false
      this.host.rewatch(fd, EPOLLIN)
    }
    if ((events & ~EPOLLOUT) !== 0) this.host.wake(this.index)
  }

  /** Whether a descriptor takes nothing more at the moment. */
  protected get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** A descriptor takes no more for now: transmit() is called again when it does. */
  protected block(fd: number): void {
    this.#isBlocked = true
    this.host.rewatch(fd, EPOLLIN | EPOLLOUT)
  }

  protected setLink(up: boolean): void {
    if (up === this.#isUp) return
    this.#isUp = up
    this.row.flag(PORT_LINK, up)
    if (!up) forgetPeer(this.host, this.row)
    this.host.report(this, up ? 'link-up' : 'link-down', this.#place)
  }

  /** Gives the descriptors up for a reason. @param isBreach whether the peer broke the protocol */
  protected detach(reason: string, isBreach = false): void {
    if (this.#fds.length === 0) return
    this.release()
    this.#reason = reason
    if (isBreach) this.#detachments++
    this.setLink(false)
    this.host.report(this, 'detached', reason)
  }

  protected release(): void {
    for (const fd of this.#fds) {
      this.host.unwatch(fd)
      closeFd(fd)
    }
    this.#fds = []
  }

  /** Keeps why the port waits, for its status. */
  protected set reason(reason: string) {
    this.#reason = reason
  }

  // ---- what the engine asks for ----

  open(): void {
    try {
      this.row.open(readSettings(this.config), false)
      this.attach()
    } catch (error) {
      this.close()
      throw error
    }
  }

  prepare(config: PortConfig): PreparedChange {
    const { settings, next } = checkChange(this.#config, config)
    const row = readSettings(config)
    this.row.reserve(row)
    let undo: () => void
    try {
      undo = this.adapt(next)
    } catch (error) {
      this.row.release()
      throw error
    }
    const commit = (): void => {
      this.#config = next
      this.row.configure(row)
      // What waited for a limit that is gone goes on, ahead of what comes.
      while (!this.row.limitsSender && this.host.plane.releaseFrom(this.index) > 0);
      this.row.release()
      if (affectsAddresses(settings)) this.host.plane.recheckAddresses(this.index)
    }
    const cancel = (): void => {
      undo()
      this.row.release()
    }
    return { settings, commit, cancel }
  }

  tick(nowUs: number): void {
    if (this.#fds.length > 0) this.follow()
    else if (this.#retry.isDue(nowUs)) this.attach()
  }

  serveRequest(): boolean {
    return false
  }

  receive(budget: number): number {
    const frames = this.readBurst(budget)
    // While frames come, reading again next turn costs one call and is sooner than the next events of epoll.
    if (frames > 0) this.host.wake(this.index)
    return frames
  }

  hasOutput(): boolean {
    return !this.#isBlocked && this.#fds.length > 0 && this.output.count > 0
  }

  fail(reason: string): void {
    if (this.#fds.length > 0) this.detach(reason)
    else if (this.#reason !== reason) {
      this.#reason = reason
      this.host.report(this, 'error', reason)
    }
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      state: this.#isUp ? 'up' : this.#fds.length > 0 ? 'attached' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: this.#detachments,
      negotiated: offloadNames(this.#takes),
      place: this.#place,
    }
  }

  close(): void {
    this.release()
    this.row.close()
  }
}
