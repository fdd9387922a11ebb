import type { NetifFrontend, NetifQueue } from './frontend.js'
import { readKey, type StoreTask } from './store-client.js'

const WHOLE = /^\d{1,10}$/
const MAX_U32 = 0xffffffff

/** What a frontend published is not what a frontend publishes: it is refused, with the reason. */
export class FrontendError extends Error {}

function* number(path: string): StoreTask<number | undefined> {
  const text = yield* readKey(path)
  if (text === undefined) return undefined
  if (!WHOLE.test(text) || Number(text) > MAX_U32)
    throw new FrontendError(`${path} is ${JSON.stringify(text.slice(0, 40))}, not a number`)
  return Number(text)
}

function* needed(path: string): StoreTask<number> {
  const value = yield* number(path)
  if (value === undefined) throw new FrontendError(`${path} is missing`)
  return value
}

function* flag(path: string): StoreTask<boolean> {
  return (yield* number(path)) === 1
}

function* queue(folder: string): StoreTask<NetifQueue> {
  const txRingRef = yield* needed(`${folder}/tx-ring-ref`)
  const rxRingRef = yield* needed(`${folder}/rx-ring-ref`)
  const tx = yield* number(`${folder}/event-channel-tx`)
  // Split channels come in pairs; else there is one for both directions.
  const txEventChannel = tx ?? (yield* needed(`${folder}/event-channel`))
  const rxEventChannel = tx === undefined ? txEventChannel : yield* needed(`${folder}/event-channel-rx`)
  return { txRingRef, rxRingRef, txEventChannel, rxEventChannel }
}

/**
 * What a frontend published when it said Connected. Throws a FrontendError, with one line of what is wrong.
 * @param maxQueues as offered
 */
export function* readFrontend(folder: string, domain: number, maxQueues: number): StoreTask<NetifFrontend> {
  const count = (yield* number(`${folder}/multi-queue-num-queues`)) ?? 1
  if (count < 1 || count > maxQueues)
    throw new FrontendError(
      `${folder}/multi-queue-num-queues is ${count}; from 1 to ${maxQueues} were offered`,
    )
  if (!(yield* flag(`${folder}/request-rx-copy`)))
    throw new FrontendError(`${folder}/request-rx-copy is not 1: pages are not exchanged, frames are copied`)
  const queues: NetifQueue[] = []
  for (let index = 0; index < count; index++)
    queues.push(yield* queue(count === 1 ? folder : `${folder}/queue-${index}`))
  const sg = yield* flag(`${folder}/feature-sg`)
  return {
    domain,
    queues,
    features: {
      sg,
      gsoTcpv4: sg && (yield* flag(`${folder}/feature-gso-tcpv4`)),
      gsoTcpv6: sg && (yield* flag(`${folder}/feature-gso-tcpv6`)),
      csumIpv4: !(yield* flag(`${folder}/feature-no-csum-offload`)),
      csumIpv6: yield* flag(`${folder}/feature-ipv6-csum-offload`),
      multicastControl: yield* flag(`${folder}/request-multicast-control`),
    },
  }
}
