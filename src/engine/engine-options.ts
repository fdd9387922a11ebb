import type { ControllerOptions } from '../control/tuning-settings.js'
import type { KeepingOptions } from '../port/kept-connections.js'
import type { PortEvent, PortStatus } from '../port/port.js'

/** How an engine is made. What is left out has its default. */
export interface EngineOptions extends ControllerOptions {
  /** Linear memory in bytes. Default 4 GB; all of it is only address space until guests map into it. */
  readonly memoryBytes?: number
  /**
   * Longest time in microseconds that the loop spins before it sleeps; 0 never spins. Default: twice what a wake-up is
   * found to cost, 20 to 200.
   */
  readonly spinUs?: number
  /** Seconds after which a silent address is forgotten. Default 300. */
  readonly ageingS?: number
  /** Most addresses in the forwarding database. Default 16384. */
  readonly maxAddresses?: number
  /** Whether vifs are served in the order of the engine's time they used. Default true; false: in turn. */
  readonly schedule?: boolean
  /** Whether a port is held down for a while when what leaves it comes back. Default true. */
  readonly loopGuard?: boolean
  /** Part of the engine's time that messages of one port's peer may take in the long run, to 1. Default 0.25. */
  readonly requestShare?: number
  /**
   * Whether a policy that measures decides in the engine's thread, between two turns. Default true; false: another thread
   * does, as beside the engine of a Switch (src/engine/decider.ts).
   */
  readonly decides?: boolean
  /** Where the connections of guests are kept beyond the end of this process. Default: nowhere. */
  readonly keeping?: KeepingOptions
  readonly onReport?: (port: PortStatus, event: PortEvent, detail: string) => void
}

/** What is taken when nothing is said. */
export const DEFAULT_AGEING_S = 300
export const DEFAULT_MAX_ADDRESSES = 16_384
/** Part of the engine's time that the requests of one port may take in the long run. */
export const DEFAULT_REQUEST_SHARE = 0.25
