// The engine in its thread, as src/engine/engine-worker.ts has it, decisions in another, with a door for what benches change and read
// while it runs: policy, targets, decisions. Counters and histograms are read from its memory by the main thread.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { TuningReader } from '../../dist/control/tuning-reader.js'
import { Engine } from '../../dist/engine/engine.js'
import { clockStartUs } from '../../dist/sys/clock.js'
import { EPOLLIN } from '../../dist/sys/epoll.js'
import { drainEventfd } from '../../dist/sys/eventfd.js'
import { threadId } from '../../dist/sys/signal-handler.js'
import { pinThread } from './pin.mjs'

const { port, wakeFd, options, ports, cpu } = workerData
if (cpu !== undefined) pinThread(cpu)

/**
 * @param {Engine} engine
 * @param {{ method: string, name: string, change: Parameters<Engine['tune']>[0], target: object }} request
 */
function answer(engine, request) {
  const index = (/** @type {string} */ name) => engine.ports.find((each) => each.name === name)?.index ?? -1
  switch (request.method) {
    case 'configure':
      engine.tune(request.change)
      return null
    case 'target':
      engine.settings.setTarget(index(request.name), request.target)
      return null
    case 'decisions':
      return {
        startedMs: performance.timeOrigin,
        decisions: new TuningReader(engine.settings.buffer).read().decisions,
      }
    default:
      return engine.ports.map((each) => each.status())
  }
}

const engine = new Engine(options)
for (const config of ports) engine.addPort(config)
engine.watch(wakeFd, EPOLLIN, () => {
  drainEventfd(wakeFd)
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port))
    port.postMessage({ id: got.message.id, value: answer(engine, got.message) })
})
const rows = engine.ports.map(({ name, index }) => ({ name, index }))
parentPort?.postMessage({
  ...{ memory: engine.memory.memory.buffer, tuning: engine.settings.buffer, rows },
  ...{ thread: threadId(), clockStartUs: clockStartUs() },
})
engine.run()
