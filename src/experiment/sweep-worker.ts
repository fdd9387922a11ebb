/** A thread of a sweep: takes points, gives lines. */
import { parentPort, workerData } from 'node:worker_threads'
import { runPoint } from './sweep-job.js'
import { type FromSweepThread, LOADED, type SweepTask, type SweepWorkerData } from './sweep-messages.js'

const { plane } = workerData as SweepWorkerData
const send = (message: FromSweepThread): void => parentPort?.postMessage(message)

parentPort?.on('message', async ({ point, seed }: SweepTask) => send(await runPoint(point, seed, plane)))
send(LOADED)
