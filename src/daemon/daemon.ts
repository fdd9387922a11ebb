/** A running switch with all that belongs to it beside its engine: what the API and `ringferry up` work with. */
import type { Switch } from '../engine/switch.js'
import { ringferryVersion } from '../sys/version.js'

export interface DaemonOptions {
  /** The file that the configuration came from. */
  readonly configFile?: string
}

export class Daemon {
  readonly switch: Switch
  readonly configFile: string | undefined
  readonly startedAt = new Date()
  readonly version = ringferryVersion()

  constructor(running: Switch, options: DaemonOptions = {}) {
    this.switch = running
    this.configFile = options.configFile
  }
}
