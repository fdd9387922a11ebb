// The control of a load thread, and of receivers in threads of their own.
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { EmbeddedWorker } from '../../dist/embedded/worker.js'
import { connectUnix } from '../../dist/sys/unix-socket.js'
import { undoLater } from './cleanup.mjs'
import { threadSeconds } from './cpu.mjs'
import { macOf } from './frames.mjs'

/** Numbers per guest in the shared memory, and which is which. */
export const FIELDS = 8
export const LIVE = { rate: 0, sent: 1, unsent: 2, received: 3, wakeups: 4 }

/**
 * Starts guests in one thread on a processor; see load-thread.mjs. All are silent at first.
 * @param cpu undefined: any
 * @param sleeps whether it sleeps when nothing is due; else it polls again at once, letting others pass
 * @param guests [{socket, number, to: numbers of the receivers in turn, bytes, receives, always: is called at
 *   every publication, as a driver that cannot suppress calls}]
 */
export async function startLoad(cpu, guests, sleeps = false) {
  const shared = new SharedArrayBuffer(8 + guests.length * FIELDS * 8)
  const live = new Float64Array(shared, 8)
  const threads = () => readdirSync('/proc/self/task')
  const known = new Set(threads())
  const worker = new Worker(new URL('./load-thread.mjs', import.meta.url), {
    workerData: { guests, shared, cpu, sleeps },
  })
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  let failure
  worker.on('error', (error) => {
    failure = error
  })
  const stop = undoLater(async () => {
    Atomics.store(new Int32Array(shared, 0, 1), 0, 1)
    await exited
  })
  await Promise.race([new Promise((resolve) => worker.once('message', resolve)), exited])
  if (failure) throw failure
  const started = threads().filter((thread) => !known.has(thread))
  return {
    /** Processor time of the thread so far, in seconds. */
    cpuSeconds: () => started.reduce((sum, thread) => sum + threadSeconds(thread), 0),
    /** Frames per second that a guest sends from now on; Infinity = as many as it can. */
    setRate(index, fps) {
      live[index * FIELDS + LIVE.rate] = fps
    },
    /** What a guest has sent, could not send, has received, and how often it was woken. */
    counters(index) {
      const at = (name) => live[index * FIELDS + LIVE[name]]
      return { sent: at('sent'), unsent: at('unsent'), received: at('received'), wakeups: at('wakeups') }
    },
    stop,
  }
}

/** Starts an embedded guest in a thread of its own. It sleeps until it is called. */
export async function startGuest(socket, number, role, cpu) {
  const guest = await EmbeddedWorker.start(connectUnix(socket), {
    ...{ mac: macOf(number), role, spinUs: 0 },
    ...(cpu === undefined ? {} : { cpu }),
  })
  const stop = undoLater(() => guest.stop())
  return { guest, stop }
}
