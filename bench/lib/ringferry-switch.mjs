// Ringferry as a process of its own for the benches. Started with IPC; ends with its parent.
//
//   argument   {ports: PortConfig[], options: EngineOptions, cpu: processor of the engine's thread, awake: share of the
//              processors' time that may be burnt to keep them awake}
//              The thread that reads the counters leaves that processor to the engine: reading takes milliseconds.
//   requests   {id, method: 'snapshot' | 'configure' | 'target' | 'decisions' | 'status', ...}
import { MessageChannel, Worker } from 'node:worker_threads'
import { TuningReader } from '../../dist/control/tuning-reader.js'
import { readCounters } from '../../dist/core/counters.js'
import { readDelays } from '../../dist/core/delays.js'
import { EngineSigns } from '../../dist/core/globals.js'
import { readPublication } from '../../dist/core/publication.js'
import { Decider } from '../../dist/engine/decider.js'
import { KeepAwake } from '../../dist/engine/keep-awake.js'
import { createEventfd, signalEventfd } from '../../dist/sys/eventfd.js'

const { ports, options, cpu, awake } = JSON.parse(process.argv[2])
const decides = options.decides ?? false
const wakeFd = createEventfd()
const { port1, port2 } = new MessageChannel()
const worker = new Worker(new URL('./engine-thread.mjs', import.meta.url), {
  workerData: { port: port2, wakeFd, ports, options: { ...options, decides }, cpu },
  transferList: [port2],
})
process.on('disconnect', () => process.exit())
worker.on('error', (error) => {
  console.error(error.stack ?? String(error))
  process.exit(1)
})

const started = await new Promise((resolve) => worker.once('message', resolve))
const { memory, rows } = started
const decider = new Decider(started)
const tuning = new TuningReader(started.tuning)
const decide = () => !decides && decider.startFor(tuning)
decide()
const words = new BigUint64Array(memory)
const signs = new EngineSigns(memory)
const keepAwake = new KeepAwake(memory, () => rows.map(({ index }) => index))
keepAwake.share = awake ?? 0

/** Everything that was counted, at one time (milliseconds of this process). */
function snapshot() {
  const atMs = performance.now()
  const state = {}
  for (const { name, index } of rows)
    state[name] = {
      ...readCounters(words, index),
      delays: readDelays(words, index),
      serviceUs: readPublication(words, index).servedUs,
    }
  const { spinUs, wakeUs } = signs
  const found = { spinUs, wakeUs, awake: keepAwake.tuning }
  return { atMs, startedMs: performance.timeOrigin, ports: state, tuning: found }
}

port1.on('message', (message) => {
  decide()
  process.send?.(message)
})
process.on('message', (/** @type {{ id: number, method: string }} */ request) => {
  if (request.method === 'snapshot') process.send?.({ id: request.id, value: snapshot() })
  else {
    port1.postMessage(request)
    signalEventfd(wakeFd)
  }
})
process.send?.({ id: 0 })
