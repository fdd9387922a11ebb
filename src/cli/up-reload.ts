import type { Daemon } from '../daemon/daemon.js'

/** Has the configuration read again at SIGHUP; not while the switch starts, but then at once. */
export class Reloading {
  #wanted = false
  #daemon: Daemon | undefined

  constructor() {
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
    this.#daemon.reload().catch(() => {})
  }
}
