import type { TuneChange } from '../control/tuning.js'
import type { FdbFilter } from '../core/fdb.js'
import { type ErrorCode, RingferryError } from '../errors/errors.js'
import type { PortChange } from '../port/change.js'
import type { PortEvent, PortStatus } from '../port/port.js'
import type { EngineOptions } from './engine-options.js'
import type { InjectedFrame, InjectionWay } from './injection.js'

/** Messages between the control side of a switch and its engine's thread. */
export type SwitchRequest =
  | { readonly method: 'apply'; readonly changes: readonly PortChange[] }
  | { readonly method: 'status' }
  | { readonly method: 'tune'; readonly change: TuneChange }
  | { readonly method: 'flush'; readonly filter: FdbFilter }
  | { readonly method: 'openCapture'; readonly port: string; readonly snapBytes: number }
  | { readonly method: 'closeCapture'; readonly ring: number }
  | {
      readonly method: 'inject'
      readonly port: string
      readonly way: InjectionWay
      readonly frames: readonly InjectedFrame[]
    }
  | { readonly method: 'drain' | 'resume' }
  | { readonly method: 'stop' }

export type ToEngine = SwitchRequest & { readonly id: number }

export type FromEngine =
  | {
      readonly type: 'ready'
      readonly memory: SharedArrayBuffer
      /** What was set and is decided. */
      readonly tuning: SharedArrayBuffer
      /** The start of the engine's clock on the clock of the machine, in microseconds. */
      readonly clockStartUs: number
      /** The kernel's number of the engine's thread. */
      readonly thread: number
    }
  | {
      readonly type: 'done'
      readonly id: number
      /** All of them, after the request was carried out. */
      readonly ports: readonly PlacedPort[]
      /** Bytes of the linear memory that are free then. */
      readonly freeBytes: number
      /** What the request came to, where it is a number. */
      readonly count: number
    }
  | { readonly type: 'refused'; readonly id: number; readonly error: CarriedError }
  | { readonly type: 'event'; readonly port: PortStatus; readonly event: PortEvent; readonly detail: string }
  /** The engine has ended by an error. */
  | { readonly type: 'died'; readonly error: CarriedError }

/** A port and its row in the engine's memory, which the switch keeps to itself. */
export interface PlacedPort {
  readonly row: number
  readonly status: PortStatus
}

export interface EngineThreadData {
  /** The engine watches this eventfd; it is signalled after every message. */
  readonly wakeFd: number
  readonly options: Omit<EngineOptions, 'onReport'>
  /** Processor that the thread is bound to. */
  readonly cpu?: number
}

/** An error on its way to another thread: structured cloning loses classes. */
export interface CarriedError {
  readonly code?: ErrorCode
  readonly message: string
  readonly stack?: string
}

export function packError(error: unknown): CarriedError {
  if (error instanceof RingferryError) return { code: error.code, message: error.message }
  if (error instanceof Error)
    return { message: `${error.name}: ${error.message}`, ...(error.stack ? { stack: error.stack } : {}) }
  return { message: String(error) }
}

/** The error again: a RingferryError stays one, any other keeps the stack of its own thread. */
export function unpackError(carried: CarriedError): Error {
  if (carried.code !== undefined) return new RingferryError(carried.code, carried.message)
  const error = new Error(carried.message)
  if (carried.stack !== undefined) error.stack = carried.stack
  return error
}
