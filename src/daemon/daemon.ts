/** A running switch with all that belongs to it beside its engine: what the API and `ringferry up` work with. */
import type { Switch } from '../engine/switch.js'
import { ringferryVersion } from '../sys/version.js'
import { PromiseBook } from './promise-book.js'

export interface DaemonOptions {
  /** The file that the configuration came from. */
  readonly configFile?: string
}

export class Daemon {
  readonly switch: Switch
  readonly configFile: string | undefined
  readonly startedAt = new Date()
  readonly version = ringferryVersion()
  /** Whether delay targets are kept. */
  readonly promises: PromiseBook

  constructor(running: Switch, options: DaemonOptions = {}) {
    this.switch = running
    this.configFile = options.configFile
    this.promises = new PromiseBook(running)
  }

  /** Ends what it does by itself; the switch goes on. */
  close(): void {
    this.promises.close()
  }
}
