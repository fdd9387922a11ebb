/** Busy loops that count: what a processor-bound neighbour does, and how much of the processor it was given. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface HogSettings {
  readonly threads: number
}

export interface HogReport {
  /** Turns of the loop, in thousands of steps of a random generator, and the seconds that they took. */
  readonly iterations: number
  readonly seconds: number
}

const STEPS = 1000

interface Thread {
  /** 1: begin. */
  readonly gate: SharedArrayBuffer
  readonly counts: SharedArrayBuffer
  readonly index: number
}

function spin({ gate, counts, index }: Thread): never {
  Atomics.wait(new Int32Array(gate), 0, 0)
  const count = new Float64Array(counts)
  for (let state = index + 1; ; ) {
    for (let i = 0; i < STEPS; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
    }
    // The state takes part in the result, so that no compiler leaves the loop out.
    count[index] = (count[index] as number) + (state === 0 ? 0 : 1)
  }
}

async function main(): Promise<void> {
  const { threads } = settingsOf<HogSettings>()
  const gate = new SharedArrayBuffer(4)
  const counts = new SharedArrayBuffer(8 * threads)
  const workers = Array.from({ length: threads }, (_, index) => {
    const data: Thread = { gate, counts, index }
    return new Worker(new URL(import.meta.url), { workerData: data })
  })
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))))
  const iterations = (): number => new Float64Array(counts).reduce((sum, count) => sum + count, 0)

  await obey(async ({ warmUpS, measureS }: Orders): Promise<HogReport> => {
    Atomics.store(new Int32Array(gate), 0, 1)
    Atomics.notify(new Int32Array(gate), 0)
    await sleep(warmUpS * 1000)
    const before = { iterations: iterations(), atMs: nowMs() }
    await sleep(measureS * 1000)
    const after = { iterations: iterations(), atMs: nowMs() }
    return {
      iterations: after.iterations - before.iterations,
      seconds: (after.atMs - before.atMs) / 1000,
    }
  })
}

if (isMainThread) void main()
else spin(workerData as Thread)
