/**
 * The plainest model: customers come to one station, wait in turn, are served and leave. With exponential times it is
 * M/M/1, with a constant service M/D/1, whose means are known exactly: what the simulator is held against, and measured by.
 */
import { RingferryError } from '../errors/errors.js'
import { EventList } from './event-list.js'
import { Streams } from './streams.js'

/** A time that is drawn: `mean` in nanoseconds. */
export interface DrawnTime {
  readonly kind: 'exponential' | 'constant'
  readonly meanNs: number
}

/** What came of it. Times in nanoseconds. */
export interface StationResult {
  readonly served: number
  /** From coming to leaving. */
  readonly meanTimeNs: number
  /** In which the station was busy, as a share. */
  readonly use: number
  readonly events: number
}

/** More that wait than a stable station ever has: their times would fill the memory. */
const MAX_WAITING = 1 << 22

/** One station; who comes first is served first. Throws USAGE when more wait than there is room for: it is saturated. */
export function runStation(
  { arrivals, service }: { readonly arrivals: DrawnTime; readonly service: DrawnTime },
  customers: number,
  seed: number,
): StationResult {
  const events = new EventList()
  const streams = new Streams(seed)
  const [arrival, served] = [streams.stream('arrivals'), streams.stream('service')]
  let came = new Float64Array(1024)
  let [head, waiting, done, sumNs, busyNs] = [0, 0, 0, 0, 0]
  const isPoisson = arrivals.kind === 'exponential'
  const isExponential = service.kind === 'exponential'
  const serve = (nowNs: number): void => {
    const tookNs = Math.round(isExponential ? served.exponential(service.meanNs) : service.meanNs)
    busyNs += tookNs
    events.schedule(nowNs + tookNs, leave, 0)
  }
  const come = events.register((_, nowNs) => {
    if (waiting === came.length) {
      if (waiting >= MAX_WAITING)
        throw new RingferryError(
          'USAGE',
          `more than ${MAX_WAITING} wait: the station is saturated; offer less than it serves`,
        )
      const grown = new Float64Array(came.length * 2)
      for (let at = 0; at < waiting; at++) grown[at] = came[(head + at) & (came.length - 1)]!
      came = grown
      head = 0
    }
    came[(head + waiting) & (came.length - 1)] = nowNs
    if (waiting++ === 0) serve(nowNs)
    events.schedule(
      nowNs + Math.round(isPoisson ? arrival.exponential(arrivals.meanNs) : arrivals.meanNs),
      come,
      0,
    )
  })
  const leave = events.register((_, nowNs) => {
    sumNs += nowNs - came[head]!
    head = (head + 1) & (came.length - 1)
    if (--waiting > 0) serve(nowNs)
    if (++done === customers) events.stop()
  })
  events.schedule(0, come, 0)
  events.run(Number.MAX_SAFE_INTEGER)
  return { served: done, meanTimeNs: sumNs / done, use: busyNs / events.nowNs, events: events.processed }
}
