/** Programs that send and receive: a model's traffic. */
import { newCounts, record } from '../core/histogram.js'
import type { EventList } from './event-list.js'
import type { Frames } from './frames.js'
import type { Streams } from './streams.js'

/** What a program sees of the rest. */
export interface Network {
  readonly events: EventList
  readonly frames: Frames
  readonly streams: Streams
  /** Sends a frame from its port. False: the sender's queue is full; the frame was not taken. */
  send(frame: number, nowNs: number): boolean
  /** The program at a port works for so long before it does anything else. */
  work(port: number, ns: number): void
}

/** One entry of a model's traffic. */
export interface Program {
  readonly tally: Tally
  start(): void
  /** A frame of its own has arrived where it was sent. It releases it. */
  deliver(frame: number, nowNs: number): void
}

/** What a program has achieved since the measurement began. */
export class Tally {
  frames = 0
  payloadBytes = 0
  offered = 0
  refused = 0
  transactions = 0
  sumUs = 0
  readonly delays = newCounts()

  /** @param tookNs from program to program */
  arrived(payloadBytes: number, tookNs: number): void {
    this.frames++
    this.payloadBytes += payloadBytes
    this.delay(tookNs)
  }

  delay(tookNs: number): void {
    const us = tookNs / 1000
    this.sumUs += us
    record(this.delays, us)
  }

  /** The measurement begins. */
  restart(): void {
    this.frames = 0
    this.payloadBytes = 0
    this.offered = 0
    this.refused = 0
    this.transactions = 0
    this.sumUs = 0
    this.delays.fill(0)
  }
}
