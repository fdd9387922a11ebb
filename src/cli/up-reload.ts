import type { Daemon } from '../daemon/daemon.js'
import type { ServiceManager } from '../daemon/service-manager.js'

/** Has the configuration read again at SIGHUP; not while the switch starts, but then at once. */
export class Reloading {
  readonly #manager: ServiceManager
  #wanted = false
  #daemon: Daemon | undefined

  /** @param manager is told when it begins and ends */
  constructor(manager: ServiceManager) {
    this.#manager = manager
    process.on('SIGHUP', () => {
      this.#wanted = true
      this.#work()
    })
  }

  /** The switch has started. */
  begin(daemon: Daemon): void {
    this.#daemon = daemon
    this.#work()
  }

  #work(): void {
    if (!this.#wanted || !this.#daemon) return
    this.#wanted = false
    // A switch that is stopping reads nothing any more.
    this.#manager.reloading()
    this.#daemon
      .reload()
      .catch(() => {})
      .finally(() => this.#manager.ready())
  }
}
