// The distance between two processors: the round trip of a cache line, in nanoseconds. On machines whose
// processors change places (virtual machines), a rate is only comparable with one measured at the same distance.
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { pinThread } from './pin.mjs'

const ROUNDS = 2000
const [TURN, STATE] = [0, 16]

if (!isMainThread && workerData?.distanceProbe) {
  const { shared, cpu } = workerData
  const cells = new Int32Array(shared)
  pinThread(cpu)
  Atomics.store(cells, STATE, 1)
  Atomics.notify(cells, STATE)
  for (;;) {
    Atomics.wait(cells, STATE, 1)
    if (Atomics.load(cells, STATE) === 3) break
    for (let round = 0; round < ROUNDS; round++) {
      while (Atomics.load(cells, TURN) !== 2 * round + 1);
      Atomics.store(cells, TURN, 2 * round + 2)
    }
    Atomics.store(cells, STATE, 1)
  }
}

/** A probe between this thread (pinned by the caller) and a thread on `cpu`. */
export async function startDistanceProbe(cpu) {
  const shared = new SharedArrayBuffer(256)
  const cells = new Int32Array(shared)
  const worker = new Worker(new URL(import.meta.url), { workerData: { distanceProbe: true, shared, cpu } })
  while (Atomics.load(cells, STATE) !== 1) await new Promise((resolve) => setTimeout(resolve, 5))
  return {
    /** Round trip in nanoseconds, the median of a few short runs. */
    measure() {
      const runs = []
      for (let run = 0; run < 3; run++) {
        Atomics.store(cells, TURN, 0)
        Atomics.store(cells, STATE, 2)
        Atomics.notify(cells, STATE)
        while (Atomics.load(cells, STATE) !== 2);
        // The first answer tells that the partner is awake; only then the clock starts.
        Atomics.store(cells, TURN, 1)
        while (Atomics.load(cells, TURN) !== 2);
        const start = performance.now()
        for (let round = 1; round < ROUNDS; round++) {
          Atomics.store(cells, TURN, 2 * round + 1)
          while (Atomics.load(cells, TURN) !== 2 * round + 2);
        }
        runs.push(((performance.now() - start) * 1e6) / (ROUNDS - 1))
        while (Atomics.load(cells, STATE) !== 1);
      }
      return runs.sort((a, b) => a - b)[1]
    },
    async stop() {
      Atomics.store(cells, STATE, 3)
      Atomics.notify(cells, STATE)
      await worker.terminate()
    },
  }
}

/** Round trips in nanoseconds below which processors share a core or its L2, and below which one L3 joins them. */
const SHARED_NS = 85
const APART_NS = 300

/** The class of a distance: processors that share a cache of their own, two cores of one L3, and beyond. */
export function distanceClass(ns) {
  return ns < SHARED_NS ? 'shared' : ns < APART_NS ? 'apart' : 'far'
}
