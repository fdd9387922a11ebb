/**
 * An open-loop source of frames. Its schedule of intended times goes on whatever happens:
 *
 *    intended   |  |   | |      |   |  |    |      gaps of the arrivals, mean 1 / rate
 *    sent       |  |   | |          ||||    |      the thread or the device came late: sent late, with
 *                               ^                  the time at which they were meant to leave
 *
 * A frame waits at most until a ring of frames is due. What is more is given up and counted: as `refused` when
 * the ring was full (the device did not take what was offered), else as `late` (this thread was not there to send
 * it, which says nothing of the device).
 */

import type { NetDriver } from '../driver/net-driver.js'
import { writeNetHeader } from '../driver/net-header.js'
import { wholeLines } from '../driver/slots.js'
import { seededRandom } from '../stats/random.js'
import { hostClockOffsetUs, hostNowUs } from './clock.js'
import {
  constantSum,
  frameLength,
  MAX_FLOWS,
  measuredFrame,
  numberFrame,
  parseMac,
  STREAMS,
} from './frames.js'
import { type Arrivals, type GeneratorRole, LIVE, ORDER, type SharedResults } from './messages.js'
import { Meter } from './meter.js'

const BURST = 64
const POISSON_GAPS = 4096
/** How long an order may go unseen. */
const LOOK_UP_US = 2_000

/** Gaps in units of the mean gap, used over and over: a logarithm per frame would be felt. Their mean is 1. */
export function arrivalGaps(arrivals: Arrivals, seed: number): Float64Array {
  if (arrivals === 'constant') return Float64Array.of(1)
  if (typeof arrivals === 'object') {
    const gaps = new Float64Array(arrivals.burst)
    gaps[arrivals.burst - 1] = arrivals.burst
    return gaps
  }
  const random = seededRandom(seed)
  const gaps = Float64Array.from({ length: POISSON_GAPS }, (_, i) => -Math.log((i + 0.5) / POISSON_GAPS))
  for (let i = POISSON_GAPS - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = gaps[i]!
    gaps[i] = gaps[j]!
    gaps[j] = held
  }
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / POISSON_GAPS
  return gaps.map((gap) => gap / mean)
}

/** Sends by the shared orders, and meters what it receives. Allocates nothing a frame. */
export class Generator {
  readonly #driver: NetDriver
  readonly #results: SharedResults
  readonly #meter: Meter
  readonly #offsetUs = hostClockOffsetUs()
  readonly #gaps: Float64Array
  /** By place in the ring: where the frame lies, its length, its constantSum, and which receiver it goes to. */
  readonly #offsets: Float64Array
  readonly #lengths: Float64Array
  readonly #sums: Float64Array
  readonly #targets: Uint32Array
  /** Next sequence number by receiver. */
  readonly #sequences: Uint32Array
  /** Intended times of the frames of this turn. */
  readonly #times = new Float64Array(BURST)
  #gap = 0
  #place = 0
  #inFlight = 0
  #rate = 0
  #dueUs = 0
  #full = false

  constructor(driver: NetDriver, results: SharedResults, mac: Uint8Array, role: GeneratorRole) {
    this.#driver = driver
    this.#results = results
    this.#meter = new Meter(driver, results, mac, false)
    this.#gaps = arrivalGaps(role.arrivals ?? 'poisson', role.seed ?? 1)
    const targets = (typeof role.to === 'string' ? [role.to] : role.to).map(parseMac)
    const { size } = driver.tx()
    this.#offsets = new Float64Array(size)
    this.#lengths = new Float64Array(size)
    this.#sums = new Float64Array(size)
    this.#targets = Uint32Array.from({ length: size }, (_, place) => place % targets.length)
    this.#sequences = new Uint32Array(targets.length)
    this.#fill(mac, targets, role)
  }

  /** Every descriptor holds a frame, in order; only number and time are written anew when one is sent. */
  #fill(mac: Uint8Array, targets: readonly Uint8Array[], role: GeneratorRole): void {
    const driver = this.#driver
    const { memory, headerBytes } = driver
    const ring = driver.tx()
    const stream = (role.stream ?? mac[5]!) % STREAMS
    // An odd multiplier spreads start times a microsecond apart over all epochs.
    const epoch = Math.imul(Math.floor(hostNowUs()), 0x9e3779b1) >>> 16
    const flows = Math.max(1, Math.min(MAX_FLOWS, role.flows ?? 1))
    for (let place = 0; place < ring.size; place++) {
      const bytes = frameLength(role.frameBytes, place)
      const gpa = memory.allocate(wholeLines(headerBytes + bytes))
      const at = memory.offsetOf(gpa)
      writeNetHeader(memory, at, headerBytes)
      const to = targets[this.#targets[place]!]!
      const flow = Math.floor(place / targets.length) % flows
      const frame = measuredFrame({ to, from: mac, bytes, epoch, stream, flow })
      memory.u8.set(frame, at + headerBytes)
      ring.stage(gpa, headerBytes + bytes, false)
      ring.commit()
      this.#offsets[place] = at + headerBytes
      this.#lengths[place] = bytes
      this.#sums[place] = constantSum(frame)
    }
    // Nothing was published: the available ring now names all descriptors in order, once and for all.
    ring.resetIndices(0)
  }

  get waitsForRoom(): boolean {
    return this.#full
  }

  restUs(localUs: number): number {
    if (this.#rate === 0 || this.#full) return LOOK_UP_US
    return Math.min(LOOK_UP_US, Math.max(0, this.#dueUs - this.#offsetUs - localUs))
  }

  turn(localUs: number): number {
    const received = this.#meter.turn(localUs)
    const hostUs = localUs + this.#offsetUs
    const rate = this.#results.orders[ORDER.rateFps]!
    // What is due by the old rate still goes out by it.
    const sent = this.#serve(hostUs)
    if (rate !== this.#rate) this.#changeRate(rate, hostUs)
    return received + sent
  }

  #serve(hostUs: number): number {
    const rate = this.#rate
    if (rate === 0) {
      this.#reap()
      return 0
    }
    const limit = this.#results.orders[ORDER.limitFrames]! - this.#results.live[LIVE.txFrames]!
    const most = Math.min(BURST, this.#free(), limit)
    const count =
      rate === Number.POSITIVE_INFINITY ? this.#takeAll(most, hostUs) : this.#takeDue(most, hostUs)
    if (count > 0) this.#send(count)
    return count
  }

  /** As many as there is room for, meant to leave now. */
  #takeAll(most: number, hostUs: number): number {
    this.#times.fill(hostUs, 0, Math.max(0, most))
    this.#full = most <= 0
    return Math.max(0, most)
  }

  /** The intended times of what is due, as far as there is room. */
  #takeDue(most: number, hostUs: number): number {
    const stepUs = 1e6 / this.#rate
    const excess = Math.floor((hostUs - this.#dueUs) / stepUs) - this.#driver.tx().size
    if (excess > 0) this.#giveUp(excess, stepUs)
    const gaps = this.#gaps
    const times = this.#times
    let count = 0
    let due = this.#dueUs
    let gap = this.#gap
    while (count < most && due <= hostUs) {
      times[count++] = due
      due += gaps[gap]! * stepUs
      if (++gap === gaps.length) gap = 0
    }
    this.#gap = gap
    this.#dueUs = due
    this.#full = due <= hostUs && count < BURST
    return count
  }

  #giveUp(frames: number, stepUs: number): void {
    const counter = this.#full ? LIVE.refused : LIVE.late
    this.#results.live[counter]! += frames
    this.#dueUs += frames * stepUs
  }

  /** What was due by the old rate and found no room is given up; the new schedule begins now. */
  #changeRate(rate: number, hostUs: number): void {
    if (this.#rate > 0 && this.#rate < Number.POSITIVE_INFINITY && this.#dueUs <= hostUs) {
      const stepUs = 1e6 / this.#rate
      this.#giveUp(Math.floor((hostUs - this.#dueUs) / stepUs) + 1, stepUs)
    }
    const { live } = this.#results
    this.#rate = rate
    this.#dueUs = hostUs
    this.#full = false
    live[LIVE.rateSinceUs] = hostUs
    live[LIVE.rateFps] = rate
  }

  #reap(): void {
    this.#inFlight -= this.#driver.tx().reclaimInOrder()
  }

  #free(): number {
    this.#reap()
    return this.#driver.tx().size - this.#inFlight
  }

  /** Numbers and stamps the next frames of the ring and publishes them at once. */
  #send(count: number): void {
    const driver = this.#driver
    const ring = driver.tx()
    const { data } = driver.memory
    const { live } = this.#results
    let bytes = 0
    let place = this.#place
    for (let i = 0; i < count; i++) {
      const at = this.#offsets[place]!
      const target = this.#targets[place]!
      const sequence = this.#sequences[target]!
      numberFrame(data, at, this.#sums[place]!, sequence, this.#times[i]!)
      this.#sequences[target] = sequence + 1
      bytes += this.#lengths[place]!
      if (++place === ring.size) place = 0
    }
    this.#place = place
    this.#inFlight += count
    // Counted before the device can have it: a meter is never ahead of its generator.
    live[LIVE.txFrames]! += count
    live[LIVE.txBytes]! += bytes
    ring.publishInOrder(count)
    if (ring.needsKick()) driver.kick(1)
  }
}
