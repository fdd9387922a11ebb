/** A thread of a sweep: takes points, gives lines. */
import { parentPort, workerData } from 'node:worker_threads'
import { runPoint } from './sweep-job.js'
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

const { plane } = workerData as SweepWorkerData

parentPort?.on('message', async ({ point, seed }: SweepTask) => {
  parentPort?.postMessage(await runPoint(point, seed, plane))
})
