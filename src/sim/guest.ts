/**
 * The thread that runs a workload: a guest's processor, or the host's where the workload has the machine to itself. Like a
 * kernel's driver it polls its receive ring until that is empty, 64 frames at a time, and asks for a call then; what its
 * programs send waits in its queue until the transmit ring has room.
 */
import { BURST } from '../aggregation/policy.js'
import { type Costs, type FrameCycles, frameCycles } from './architecture.js'
import type { EventList } from './event-list.js'
import { Fifo } from './fifo.js'
import type { Frames } from './frames.js'
import type { Vm } from './model.js'
import type { Processors } from './processors.js'
import type { ThreadState, Work } from './scheduler.js'

/** What a guest is connected to. */
export interface GuestSides {
  /** Takes a received frame; -1: none. */
  readonly receive: () => number
  /** Asks for a call; false: frames have come meanwhile. */
  readonly arm: () => boolean
  /** Frames that the transmit ring has room for. */
  readonly room: () => number
  /** Puts a frame into it. */
  readonly send: (frame: number) => void
  /** All frames of a unit are sent; returns whether that took a kick. */
  readonly sent: (nowNs: number) => boolean
  /** A frame has reached its program. */
  readonly deliver: (frame: number, nowNs: number) => void
}

/** What a guest is made of. */
export interface GuestParts {
  readonly events: EventList
  readonly processors: Processors
  readonly frames: Frames
  readonly costs: Costs
  readonly ghz: number
  readonly missCycles: number
  /** Whether its rings are the NIC's own. */
  readonly hasNic: boolean
}

/** What it computes beside its network comes due so often, and gives way to frames so often, in nanoseconds. */
const COMPUTE_PERIOD_NS = 1_000_000
const COMPUTE_SLICE_NS = 50_000
const IDLE = 0
const RECEIVING = 1
const SENDING = 2

export class Guest implements Work {
  readonly name: string
  readonly weight: number
  readonly cap: number
  readonly cores: readonly number[]
  received = 0
  sentFrames = 0
  /** Frames that its programs sent and that found its queue full. */
  queueDrops = 0
  readonly #parts: GuestParts
  readonly #sides: GuestSides
  readonly #thread: ThreadState
  readonly #queueFrames: number
  readonly #queue = new Fifo(1024)
  readonly #batch = new Fifo(BURST)
  #doing = IDLE
  #owedCycles = 0
  #isBlocked = false
  readonly #spinNs: number
  /** Since when it has nothing to do. */
  #idleNs = Number.NEGATIVE_INFINITY
  /** Nanoseconds that it still has to compute. */
  #computeNs = 0
  /** Cycles of a frame and of each of its bytes; of a poll that finds some. */
  readonly #receiving: FrameCycles
  readonly #sending: FrameCycles
  readonly #pollCycles: number

  constructor(vm: Vm, cores: readonly number[], parts: GuestParts, sides: GuestSides) {
    this.name = vm.name
    this.weight = vm.weight
    this.cap = vm.cap
    this.cores = cores
    this.#queueFrames = vm.queueFrames
    this.#spinNs = vm.spinUs * 1000
    this.#parts = parts
    this.#sides = sides
    const { toVm, fromVm } = parts.costs.guest
    this.#receiving = frameCycles(toVm, parts.missCycles, parts.hasNic)
    this.#sending = frameCycles(fromVm, parts.missCycles, parts.hasNic)
    this.#pollCycles = Math.max(1, toVm.poll)
    this.#thread = parts.processors.add(this)
    if (vm.computes > 0) this.#compute(vm.computes)
  }

  /** A share of every period; what a busy processor denied it waits, a period of it at most. */
  #compute(share: number): void {
    const { events } = this.#parts
    const due = events.register((_, nowNs) => {
      this.#computeNs = Math.min(COMPUTE_PERIOD_NS, this.#computeNs + Math.round(share * COMPUTE_PERIOD_NS))
      this.#wake(nowNs)
      events.schedule(nowNs + COMPUTE_PERIOD_NS, due, 0)
    })
    events.schedule(0, due, 0)
  }

  get thread(): ThreadState {
    return this.#thread
  }

  /** Whether its programs may send more: its queue is not full. */
  get mayQueue(): boolean {
    return this.#queue.size < this.#queueFrames
  }

  /** A program sends a frame. False: the queue is full, the frame is not taken. */
  queue(frame: number, nowNs: number): boolean {
    if (!this.mayQueue) {
      this.queueDrops++
      return false
    }
    this.#queue.push(frame)
    this.#wake(nowNs)
    return true
  }

  /** It was called, or its NIC has interrupted it. */
  called(nowNs: number): void {
    this.#owedCycles += this.#parts.hasNic
      ? this.#parts.costs.guest.toVm.interrupt
      : this.#parts.costs.guest.toVm.call
    this.#wake(nowNs)
  }

  /** Its transmit ring has room again. */
  hasRoom(nowNs: number): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#wake(nowNs)
  }

  /** A program of its works for a time: nothing else of the guest runs meanwhile. */
  work(ns: number): void {
    this.#owedCycles += ns * this.#parts.ghz
  }

  #wake(nowNs: number): void {
    this.#parts.processors.wake(this.#thread, nowNs, nowNs - this.#idleNs < this.#spinNs)
  }

  begin(nowNs: number): number {
    let cycles = this.#take()
    if (cycles === 0 && !this.#sides.arm()) cycles = this.#take()
    if (cycles === 0) cycles = this.#prepare()
    if (cycles === 0 && this.#owedCycles === 0) {
      this.#doing = IDLE
      const sliceNs = Math.min(COMPUTE_SLICE_NS, this.#computeNs)
      this.#computeNs -= sliceNs
      this.#idleNs = nowNs
      return sliceNs
    }
    const owed = this.#owedCycles
    this.#owedCycles = 0
    return Math.max(1, Math.round((cycles + owed) / this.#parts.ghz))
  }

  /** Takes a burst from the receive ring; its cycles. */
  #take(): number {
    const { bytes } = this.#parts.frames
    let cycles = 0
    for (let count = 0; count < BURST; count++) {
      const frame = this.#sides.receive()
      if (frame < 0) break
      if (count === 0) cycles += this.#pollCycles
      this.#batch.push(frame)
      cycles += this.#receiving.frame + this.#receiving.byte * bytes[frame]!
    }
    this.#doing = RECEIVING
    return cycles
  }

  /** Takes a burst from its own queue; its cycles. */
  #prepare(): number {
    const room = this.#sides.room()
    this.#isBlocked = this.#queue.size > 0 && room <= 0
    const most = Math.min(BURST, room)
    const { bytes } = this.#parts.frames
    let cycles = 0
    for (let count = 0; count < most && this.#queue.size > 0; count++) {
      const frame = this.#queue.shift()
      this.#batch.push(frame)
      cycles += Math.max(1, this.#sending.frame + this.#sending.byte * bytes[frame]!)
    }
    this.#doing = SENDING
    return cycles
  }

  end(nowNs: number): void {
    if (this.#doing === RECEIVING) {
      this.received += this.#batch.size
      while (this.#batch.size > 0) this.#sides.deliver(this.#batch.shift(), nowNs)
      return
    }
    if (this.#doing !== SENDING) return
    const count = this.#batch.size
    while (this.#batch.size > 0) this.#sides.send(this.#batch.shift())
    this.sentFrames += count
    if (count > 0 && this.#sides.sent(nowNs)) this.#owedCycles += this.#parts.costs.guest.fromVm.kick
  }
}
