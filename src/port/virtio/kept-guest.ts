import { RingferryError } from '../../errors/errors.js'
import { type KeptSession, SessionKeeper } from '../../vhost-user/session-keeper.js'
import type { VifConfig } from '../config.js'
import type { PortHost } from '../port.js'

/** A guest's connection that was kept while the switch was away. */
export interface TakenUp {
  readonly keeper: SessionKeeper
  readonly session: KeptSession
}

/** Where guests come, and what they are told of their device: whoever goes on with one must have the same. */
function identityOf(config: VifConfig): string {
  const { socket, mode = 'server', queues = 1, mac, control, withhold = [], mtu } = config
  return JSON.stringify({ socket, mode, queues, mac, control, withhold, mtu })
}

/** Keeps the connection of a vif's guest beyond the end of the switch, where a service manager does so for us. */
export class KeptGuest {
  readonly #host: PortHost
  #config: VifConfig
  #keeper: SessionKeeper | undefined

  constructor(host: PortHost, config: VifConfig) {
    this.#host = host
    this.#config = config
  }

  /**
   * A guest comes.
   * @param onTrouble called when it cannot be kept, and ends with the switch
   */
  begin(fd: number, onTrouble: (reason: string) => void): SessionKeeper | undefined {
    const { kept } = this.#host
    if (!kept) return undefined
    try {
      this.#keeper = SessionKeeper.begin(kept.storeOf(this.#config.name), identityOf(this.#config), fd)
    } catch (error) {
      if (!(error instanceof RingferryError)) throw error
      onTrouble(`the guest will not outlive the switch: ${error.message}`)
    }
    return this.#keeper
  }

  /** The guest that was here before the switch ended; why it cannot be taken up; or undefined, when there was none. */
  takeUp(): TakenUp | string | undefined {
    const { kept } = this.#host
    const fds = kept?.take(this.#config.name)
    if (!kept || !fds) return undefined
    try {
      const taken = SessionKeeper.takeUp(kept.storeOf(this.#config.name), identityOf(this.#config), fds)
      if (typeof taken !== 'string') this.#keeper = taken.keeper
      return taken
    } catch (error) {
      // Without descriptors for one guest there are none for others; the switch starts all the same.
      if (error instanceof RingferryError) return error.message
      throw error
    }
  }

  configure(config: VifConfig): void {
    this.#config = config
    if (this.#keeper) this.#keeper.identity = identityOf(config)
  }

  /** Its driver has commanded something. */
  commanded(command: Uint8Array): void {
    this.#keeper?.commanded(command)
  }

  tick(): void {
    this.#keeper?.tick()
  }

  /** The guest has gone, or is left to the next process. */
  end(): void {
    this.#keeper?.end(this.#host.kept?.isLeft === true)
    this.#keeper = undefined
  }
}
