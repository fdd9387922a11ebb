/**
 * Closed loop: a question, an answer, a pause by chance, the next question. A lost frame is asked for again after a
 * second. Connections begin within a mean pause, as if they had been there for long.
 */

import type { RequestTraffic } from './model.js'
import { LEAST_FRAME_BYTES } from './nic.js'
import { type Network, type Program, Tally } from './program.js'
import type { Stream } from './streams.js'

const RETRY_NS = 1_000_000_000
/** Connections never begin all at once. */
const LEAST_SPREAD_NS = 100_000
const HEADER_BYTES = 66
const MOST_BYTES = 1514

export class Requests implements Program {
  readonly tally = new Tally()
  readonly #traffic: RequestTraffic
  readonly #network: Network
  readonly #flow: number
  readonly #from: number
  readonly #to: number
  readonly #ask: number
  readonly #retry: number
  /** By connection: when it asked, the number of its question, bytes of the answer that are to come. */
  readonly #askedNs: Float64Array
  readonly #asked: Int32Array
  readonly #left: Int32Array
  readonly #pauses: Stream

  /** @param flow number of the traffic; @param ports its two */
  constructor(
    traffic: RequestTraffic,
    network: Network,
    flow: number,
    [from, to]: readonly [number, number],
  ) {
    this.#traffic = traffic
    this.#network = network
    this.#flow = flow
    this.#from = from
    this.#to = to
    this.#askedNs = new Float64Array(traffic.connections)
    this.#asked = new Int32Array(traffic.connections)
    this.#left = new Int32Array(traffic.connections)
    this.#pauses = network.streams.stream(`traffic ${traffic.label}/pauses`)
    this.#ask = network.events.register((connection, nowNs) => this.#question(connection, nowNs))
    this.#retry = network.events.register((packed, nowNs) => {
      const connection = packed % traffic.connections
      const asked = Math.floor(packed / traffic.connections)
      if (((this.#asked[connection]! ^ asked) & 0xffff) === 0) this.#question(connection, nowNs)
    })
  }

  start(): void {
    const { label, connections, thinkUs } = this.#traffic
    const stream = this.#network.streams.stream(`traffic ${label}/start`)
    const spreadNs = Math.max(LEAST_SPREAD_NS, thinkUs * 1000)
    for (let at = 0; at < connections; at++)
      this.#network.events.schedule(Math.round(stream.uniform() * spreadNs), this.#ask, at)
  }

  #question(connection: number, nowNs: number): void {
    const { requestBytes, connections } = this.#traffic
    this.#askedNs[connection] = nowNs
    this.#asked[connection]!++
    this.#left[connection] = this.#traffic.answerBytes
    this.tally.offered++
    this.#send(this.#from, this.#to, connection, requestBytes, nowNs)
    const packed = (this.#asked[connection]! & 0xffff) * connections + connection
    this.#network.events.schedule(nowNs + RETRY_NS, this.#retry, packed)
  }

  /** Sends so many bytes, in frames; the last one must not wait. */
  #send(from: number, to: number, connection: number, bytes: number, nowNs: number): void {
    const { frames } = this.#network
    let left = Math.max(1, bytes)
    while (left > 0) {
      const payload = Math.min(left, MOST_BYTES - HEADER_BYTES)
      left -= payload
      const frame = frames.make(this.#flow, from, to, Math.max(LEAST_FRAME_BYTES, payload + HEADER_BYTES))
      frames.bornNs[frame] = nowNs
      frames.value[frame] = connection
      frames.urgent[frame] = left === 0 ? 1 : 0
      frames.tcp[frame] = 1
      if (!this.#network.send(frame, nowNs)) frames.release(frame)
    }
  }

  deliver(frame: number, nowNs: number): void {
    const { frames, events } = this.#network
    const connection = frames.value[frame]!
    const isQuestion = frames.to[frame] === this.#to
    const isLast = frames.urgent[frame] === 1
    const bytes = frames.bytes[frame]!
    frames.release(frame)
    if (!isLast) return
    if (isQuestion) {
      this.#network.work(this.#to, this.#traffic.serviceUs * 1000)
      this.#send(this.#to, this.#from, connection, this.#traffic.answerBytes, nowNs)
      return
    }
    this.tally.arrived(Math.max(bytes, this.#traffic.answerBytes), nowNs - this.#askedNs[connection]!)
    this.tally.transactions++
    const pauseNs = this.#pauses.exponential(this.#traffic.thinkUs * 1000)
    events.schedule(nowNs + Math.round(pauseNs), this.#ask, connection)
  }
}
