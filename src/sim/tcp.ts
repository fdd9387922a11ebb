/**
 * TCP as a closed loop, one object a connection: a window that opens by slow start and grows by one segment a round trip
 * (Reno), acknowledgements for every so many segments or after 40 ms, fast retransmission after three duplicates, a timer.
 * Segments that arrive out of order are kept. Source: RFC 5681, RFC 6582 (without selective acknowledgements), RFC 1122
 * 4.2.3.2.
 */

import type { TcpTraffic } from './model.js'
import { HEADER_BYTES } from './nic.js'
import { type Network, type Program, Tally } from './program.js'

const INITIAL_SEGMENTS = 10
const DELAYED_ACK_NS = 40_000_000
const TIMEOUT_NS = 200_000_000
/** A sender whose queue was full tries again. */
const RETRY_NS = 200_000
const DUPLICATES = 3
/** Numbers of segments are kept on a circle of this many. */
const CIRCLE = 1 << 16

class Connection {
  /** Sender, in segments: first not acknowledged, next to send, highest sent. */
  base = 0
  next = 0
  cwnd = INITIAL_SEGMENTS
  threshold = Number.POSITIVE_INFINITY
  duplicates = 0
  /** Fast recovery ends when this one is acknowledged; -1: there is none. */
  recover = -1
  /** When what is not acknowledged is sent again, and whether an event looks after it. */
  timeoutNs = 0
  isTimed = false
  isRetrying = false
  /** Receiver: next expected; beyond it what has come; segments not acknowledged. */
  expected = 0
  readonly beyond = new Uint8Array(CIRCLE)
  unacknowledged = 0
  ackDueNs = 0
  isAckTimed = false
}

export class Tcp implements Program {
  readonly tally = new Tally()
  readonly #traffic: TcpTraffic
  readonly #network: Network
  readonly #flow: number
  readonly #from: number
  readonly #to: number
  readonly #connections: Connection[]
  readonly #window: number
  readonly #perFrame: number
  readonly #delayedAck: number
  readonly #timeout: number
  readonly #again: number

  /** @param flow number of the traffic; @param ports its two */
  constructor(traffic: TcpTraffic, network: Network, flow: number, [from, to]: readonly [number, number]) {
    this.#traffic = traffic
    this.#network = network
    this.#flow = flow
    this.#from = from
    this.#to = to
    this.#connections = Array.from({ length: traffic.connections }, () => new Connection())
    this.#window = Math.max(2, Math.min(CIRCLE / 4, Math.floor(traffic.windowBytes / traffic.segmentBytes)))
    this.#perFrame = Math.max(1, Math.floor(traffic.offloadBytes / traffic.segmentBytes))
    this.#delayedAck = network.events.register((at, nowNs) => this.#ackTimer(at, nowNs))
    this.#timeout = network.events.register((at, nowNs) => this.#timer(at, nowNs))
    this.#again = network.events.register((at, nowNs) => {
      this.#connections[at]!.isRetrying = false
      this.#fill(at, nowNs)
    })
  }

  start(): void {
    const stream = this.#network.streams.stream(`traffic ${this.#traffic.label}/start`)
    for (let at = 0; at < this.#connections.length; at++)
      this.#network.events.schedule(Math.round(stream.uniform() * 1_000_000), this.#again, at)
  }

  // ---- the sender

  #fill(at: number, nowNs: number): void {
    const connection = this.#connections[at]!
    const limit = connection.base + Math.min(this.#window, Math.floor(connection.cwnd))
    while (connection.next < limit) {
      const segments = Math.min(this.#perFrame, limit - connection.next)
      // With offload a sender waits for a whole frame's worth, unless nothing is on its way.
      if (segments < Math.min(this.#perFrame, this.#window >> 2) && connection.next > connection.base) break
      if (!this.#segment(at, connection.next, segments, nowNs)) {
        if (!connection.isRetrying) {
          connection.isRetrying = true
          this.#network.events.schedule(nowNs + RETRY_NS, this.#again, at)
        }
        return
      }
      connection.next += segments
    }
  }

  #segment(at: number, first: number, segments: number, nowNs: number): boolean {
    const { frames } = this.#network
    const bytes = HEADER_BYTES + segments * this.#traffic.segmentBytes
    const frame = frames.make(this.#flow, this.#from, this.#to, bytes)
    frames.segments[frame] = segments
    frames.tcp[frame] = 1
    frames.value[frame] = at
    frames.number[frame] = first
    frames.bornNs[frame] = nowNs
    if (!this.#network.send(frame, nowNs)) {
      frames.release(frame)
      return false
    }
    this.#setTimer(at, nowNs)
    return true
  }

  /** One event a connection looks after its timer, however often that is set anew. */
  #setTimer(at: number, nowNs: number): void {
    const connection = this.#connections[at]!
    if (connection.isTimed) return
    connection.isTimed = true
    connection.timeoutNs = nowNs + TIMEOUT_NS
    this.#network.events.schedule(connection.timeoutNs, this.#timeout, at)
  }

  #timer(at: number, nowNs: number): void {
    const connection = this.#connections[at]!
    connection.isTimed = false
    if (connection.next === connection.base) return
    if (nowNs < connection.timeoutNs) {
      connection.isTimed = true
      this.#network.events.schedule(connection.timeoutNs, this.#timeout, at)
      return
    }
    connection.threshold = Math.max(2, (connection.next - connection.base) / 2)
    connection.cwnd = 1
    connection.recover = -1
    connection.duplicates = 0
    connection.next = connection.base
    this.#fill(at, nowNs)
    this.#setTimer(at, nowNs)
  }

  #acknowledged(at: number, upTo: number, nowNs: number): void {
    const connection = this.#connections[at]!
    if (upTo > connection.base) {
      const count = upTo - connection.base
      connection.base = upTo
      connection.next = Math.max(connection.next, upTo)
      connection.duplicates = 0
      this.tally.payloadBytes += count * this.#traffic.segmentBytes
      if (connection.recover >= 0 && upTo < connection.recover) this.#segment(at, upTo, 1, nowNs)
      else {
        if (connection.recover >= 0) connection.cwnd = connection.threshold
        connection.recover = -1
        // Appropriate byte counting while it starts slowly. Source: RFC 3465.
        connection.cwnd += connection.cwnd < connection.threshold ? count : count / connection.cwnd
        connection.cwnd = Math.min(connection.cwnd, 2 * this.#window)
      }
      connection.timeoutNs = nowNs + TIMEOUT_NS
    } else if (
      connection.next > connection.base &&
      ++connection.duplicates === DUPLICATES &&
      connection.recover < 0
    ) {
      connection.threshold = Math.max(2, (connection.next - connection.base) / 2)
      connection.cwnd = connection.threshold
      connection.recover = connection.next
      this.#segment(at, connection.base, 1, nowNs)
    }
    this.#fill(at, nowNs)
  }

  // ---- the receiver

  deliver(frame: number, nowNs: number): void {
    const { frames } = this.#network
    const at = frames.value[frame]!
    const number = frames.number[frame]!
    const segments = frames.segments[frame]!
    const isData = frames.to[frame] === this.#to
    const tookNs = nowNs - frames.bornNs[frame]!
    frames.release(frame)
    if (!isData) {
      this.#acknowledged(at, number, nowNs)
      return
    }
    this.tally.frames += segments
    this.tally.delay(tookNs)
    this.#received(at, number, segments, nowNs)
  }

  #received(at: number, first: number, segments: number, nowNs: number): void {
    const connection = this.#connections[at]!
    const isNext = first <= connection.expected && first + segments > connection.expected
    if (!isNext) {
      if (first > connection.expected)
        for (let each = first; each < first + segments; each++) connection.beyond[each % CIRCLE] = 1
      this.#acknowledge(at, nowNs)
      return
    }
    const before = connection.expected
    connection.expected = first + segments
    let filled = false
    while (connection.beyond[connection.expected % CIRCLE] === 1) {
      connection.beyond[connection.expected % CIRCLE] = 0
      connection.expected++
      filled = true
    }
    connection.unacknowledged += connection.expected - before
    if (filled || connection.unacknowledged >= this.#traffic.ackEvery) this.#acknowledge(at, nowNs)
    else if (!connection.isAckTimed) {
      connection.isAckTimed = true
      connection.ackDueNs = nowNs + DELAYED_ACK_NS
      this.#network.events.schedule(connection.ackDueNs, this.#delayedAck, at)
    } else connection.ackDueNs = nowNs + DELAYED_ACK_NS
  }

  #ackTimer(at: number, nowNs: number): void {
    const connection = this.#connections[at]!
    connection.isAckTimed = false
    if (connection.unacknowledged === 0) return
    if (nowNs >= connection.ackDueNs) {
      this.#acknowledge(at, nowNs)
      return
    }
    connection.isAckTimed = true
    this.#network.events.schedule(connection.ackDueNs, this.#delayedAck, at)
  }

  #acknowledge(at: number, nowNs: number): void {
    const { frames } = this.#network
    const connection = this.#connections[at]!
    connection.unacknowledged = 0
    const frame = frames.make(this.#flow, this.#to, this.#from, HEADER_BYTES)
    frames.value[frame] = at
    frames.number[frame] = connection.expected
    frames.urgent[frame] = 1
    frames.tcp[frame] = 1
    frames.bornNs[frame] = nowNs
    if (!this.#network.send(frame, nowNs)) frames.release(frame)
  }
}
