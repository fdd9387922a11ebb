/** A thread of a sweep: takes points, gives lines. */
import { parentPort, workerData } from 'node:worker_threads'
import { runPoint } from './sweep-job.js'
import type { SweepPoint } from './sweep-points.js'

/** What a thread is started with. */
export interface SweepWorkerData {
  readonly seed: number
  readonly plane: WebAssembly.Module
}

const { seed, plane } = workerData as SweepWorkerData

parentPort?.on('message', async (point: SweepPoint) => {
  parentPort?.postMessage(await runPoint(point, seed, plane))
})
