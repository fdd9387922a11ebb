import type { TuneState } from '../control/tuning.js'
import type { PortEvent, PortStatus } from '../port/port.js'
import type { EngineOptions } from './engine-options.js'
import type { AwakeTuning } from './keep-awake.js'

/** Options of the engine, and where its thread runs. */
export interface SwitchOptions extends Omit<EngineOptions, 'onReport'> {
  /** Processor that the engine's thread is bound to. Default: any. */
  readonly cpu?: number
  /** Share of the processors' time that may be burnt to keep them awake while it is worth it (0 to 1). Default 0: never. */
  readonly awake?: number
}

/** The tuning of a switch: of its engine, and of the threads beside it. */
export interface SwitchTuning extends TuneState {
  readonly awake: AwakeTuning
}

/** A change of a port that nobody asked for, or that a request led to. */
export interface SwitchEvent {
  readonly event: PortEvent
  /** The port after the change. */
  readonly port: PortStatus
  /** Why, or where; may be empty. */
  readonly detail: string
}
