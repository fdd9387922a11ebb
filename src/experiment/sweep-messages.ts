/** What a thread of a sweep and who started it tell each other. */
import type { SweepLine } from './sweep-job.js'
import type { SweepPoint } from './sweep-points.js'

/** What a thread is started with. */
export interface SweepWorkerData {
  readonly plane: WebAssembly.Module
}

/** What it is sent. */
export interface SweepTask {
  readonly point: SweepPoint
  readonly seed: number
}

/** Sent first: its modules are loaded, and from now on it may be terminated. */
export const LOADED = 'loaded'

/** What it sends: then a line for each point. */
export type FromSweepThread = typeof LOADED | SweepLine
