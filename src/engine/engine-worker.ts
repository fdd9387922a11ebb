/**
 * The engine's thread. Its loop is synchronous, so messages do not arrive as events: the control side writes
 * an eventfd that the engine watches among all others, and the handler takes the messages that wait.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { bindToCpu } from '../sys/affinity.js'
import { clockStartUs } from '../sys/clock.js'
import { EPOLLIN } from '../sys/epoll.js'
import { drainEventfd } from '../sys/eventfd.js'
import { threadId } from '../sys/signal-handler.js'
import { Engine } from './engine.js'
import { type EngineThreadData, type FromEngine, packError, type ToEngine } from './switch-messages.js'

const { port, wakeFd, options, cpu } = workerData as EngineThreadData & { readonly port: MessagePort }

function post(message: FromEngine): void {
  port.postMessage(message)
}

/** Returns what the request comes to, where it is a number. */
function carryOut(engine: Engine, request: ToEngine): number {
  switch (request.method) {
    case 'apply':
      engine.apply(request.changes)
      break
    case 'stop':
      engine.stop()
      break
    case 'tune':
      engine.tune(request.change)
      break
    case 'flush':
      return engine.flushFdb(request.filter)
    case 'openCapture':
      return engine.openCapture(request.port, request.snapBytes)
    case 'closeCapture':
      engine.closeCapture(request.ring)
      break
    case 'inject':
      engine.inject(request.port, request.way, request.frames)
      break
    case 'drain':
      engine.drain()
      break
    case 'resume':
      engine.resume()
      break
    case 'status':
      break
  }
  return 0
}

function serve(engine: Engine): void {
  drainEventfd(wakeFd)
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
    const request = received.message as ToEngine
    try {
      const count = carryOut(engine, request)
      const ports = engine.ports.map((each) => ({ row: each.index, status: engine.statusOf(each) }))
      post({ type: 'done', id: request.id, ports, freeBytes: engine.memory.freeBytes, count })
    } catch (error) {
      post({ type: 'refused', id: request.id, error: packError(error) })
    }
  }
}

let engine: Engine | undefined
try {
  if (cpu !== undefined) bindToCpu(cpu)
  const started = new Engine({
    ...options,
    decides: false,
    onReport: (status, event, detail) => post({ type: 'event', port: status, event, detail }),
  })
  engine = started
  started.watch(wakeFd, EPOLLIN, () => serve(started))
  post({
    type: 'ready',
    memory: started.memory.memory.buffer as unknown as SharedArrayBuffer,
    tuning: started.settings.buffer,
    clockStartUs: clockStartUs(),
    thread: threadId(),
  })
  started.run()
} catch (error) {
  post({ type: 'died', error: packError(error) })
} finally {
  try {
    engine?.close()
  } catch (error) {
    post({ type: 'died', error: packError(error) })
  }
  port.close()
}
