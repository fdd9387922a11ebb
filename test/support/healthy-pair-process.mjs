// The program of a HealthyPair: two guests on two ports of a switch in another process. Every few milliseconds each sends
// the other a numbered frame, and takes frames only when it was called. Ends when its standard input does; its last line on
// standard output is the report. Arguments: both sockets, the switch's process id.
//
// A frame's age does not count what this process itself, or the thread of the switch that waited longest, was kept from a
// processor meanwhile, by other work on the machine or by its host: a busy machine is not what is judged.
import { readdirSync, readFileSync } from 'node:fs'
import { EmbeddedGuest } from '../../dist/embedded/guest.js'
import { nowUs } from '../../dist/sys/clock.js'
import { EPOLLIN, Epoll } from '../../dist/sys/epoll.js'
import { drainEventfd } from '../../dist/sys/eventfd.js'

const PERIOD_US = 10_000
const LATE_US = 100_000
/** So many late frames are described. */
const MAX_DESCRIBED = 10
/** A tick of /proc/stat. Source: proc_stat(5). */
const STAT_TICK_US = 10_000
/** How long the last frames may take, less what is excused. */
const DRAIN_US = 1_000_000
const HEADER_BYTES = 14
const NUMBER_AT = HEADER_BYTES
const FILL_AT = NUMBER_AT + 4
const LENGTHS = [60, 64, 200, 590, 1514]
const MARK = [0x88, 0xb5]

const [firstSocket, secondSocket, switchPid] = process.argv.slice(2)
const report = {
  sent: 0,
  received: 0,
  lost: 0,
  duplicated: 0,
  outOfOrder: 0,
  corrupt: 0,
  late: [],
  worstMs: 0,
  failure: '',
}

/** Time of the run in which a frame could not have moved by anybody's fault but the machine's, in microseconds. */
let excusedUs = 0
/** The rest of it that nobody has asked for yet: this thread woke so much later than it wanted. */
let stalledUs = 0
const waits = new Map()

/** Microseconds that a thread has waited for a processor since the last call. Source: sched-stats.rst. */
function waitedUs(folder) {
  const us = Number(readFileSync(`${folder}/schedstat`, 'latin1').split(' ')[1]) / 1000
  const before = waits.get(folder) ?? us
  waits.set(folder, us)
  return us - before
}

/** The longest time that one thread of the switch waited since the last call. */
function switchWaitedUs() {
  let longest = 0
  try {
    const folder = `/proc/${switchPid}/task`
    for (const task of readdirSync(folder)) longest = Math.max(longest, waitedUs(`${folder}/${task}`))
  } catch {
    // A thread, or the switch, has just ended; or the kernel does not count. Nothing is excused then.
  }
  return longest
}

let stolenTicks = Number.NaN

/** Microseconds that the host took from the processors of this machine since the last call, of all together. */
function stolenUs() {
  const ticks = Number(/^cpu +(?:\d+ +){7}(\d+)/.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0)
  const us = (ticks - stolenTicks) * STAT_TICK_US
  stolenTicks = ticks
  return us || 0
}

/** Brings the excuses up to date. Called before a frame's time begins, and before one is found late. */
function excuse() {
  const own = Math.max(stalledUs, waitedUs('/proc/thread-self'))
  stalledUs = 0
  excusedUs += own + switchWaitedUs() + stolenUs()
}

function station(path, own, other) {
  const guest = new EmbeddedGuest(path, { memory: 8 * 2 ** 20, txSlotBytes: 2048 })
  guest.driver.tx().disarmCalls()
  return { guest, own, other, sent: 0, expected: 1, seen: new Set(), inFlight: new Map() }
}

function frameOf(from, to, number, bytes) {
  const frame = new Uint8Array(bytes)
  frame.set([2, 0, 0x5e, 0, 0, to, 2, 0, 0x5e, 0, 0, from, ...MARK])
  new DataView(frame.buffer).setUint32(NUMBER_AT, number)
  for (let at = FILL_AT; at < bytes; at++) frame[at] = (number * 7 + at) & 0xff
  return frame
}

/** A frame to all, so that the switch knows where both are. */
function announce(from) {
  const frame = frameOf(from.own, 0, 0, 60)
  frame.fill(0xff, 0, 6)
  from.guest.driver.send(frame)
}

function send(from, nowUs) {
  const number = from.sent + 1
  const frame = frameOf(from.own, from.other, number, LENGTHS[number % LENGTHS.length])
  if (!from.guest.driver.send(frame, {}, 0, { indirect: number % 3 === 0 })) return
  from.sent = number
  report.sent++
  from.inFlight.set(number, { atUs: nowUs, excusedUs })
}

function ageUs(flight, nowUs) {
  return nowUs - flight.atUs - (excusedUs - flight.excusedUs)
}

function judge(flight, nowUs) {
  if (nowUs - flight.atUs > LATE_US) excuse()
  const us = ageUs(flight, nowUs)
  const ms = (value) => Math.round(value / 100) / 10
  report.worstMs = Math.max(report.worstMs, ms(us))
  if (us > LATE_US && report.late.length < MAX_DESCRIBED)
    report.late.push(`${ms(us)} ms of ${ms(nowUs - flight.atUs)} not excused, after ${report.sent} sent`)
}

function take(to, from, nowUs) {
  for (let got = to.guest.driver.receive(); got; got = to.guest.driver.receive()) {
    const { frame } = got
    // What others flood belongs to nobody here.
    if (
      frame[12] !== MARK[0] ||
      frame[13] !== MARK[1] ||
      frame[0] !== 2 ||
      frame[2] !== 0x5e ||
      frame[5] !== to.own
    )
      continue
    const number = new DataView(frame.buffer).getUint32(NUMBER_AT)
    const flight = from.inFlight.get(number)
    if (!flight) {
      if (to.seen.has(number)) report.duplicated++
      else report.corrupt++
      continue
    }
    from.inFlight.delete(number)
    to.seen.add(number)
    report.received++
    if (Buffer.compare(frame, frameOf(from.own, to.own, number, LENGTHS[number % LENGTHS.length])) !== 0)
      report.corrupt++
    if (number < to.expected) report.outOfOrder++
    to.expected = Math.max(to.expected, number + 1)
    judge(flight, nowUs)
  }
}

function run(first, second) {
  const epoll = new Epoll()
  const stations = [first, second]
  for (const { guest } of stations) for (const fd of guest.callFds) epoll.add(fd, EPOLLIN)
  epoll.add(0, EPOLLIN)
  for (const each of stations) announce(each)
  let dueUs = nowUs()
  let endsUs = Number.POSITIVE_INFINITY
  let excusedAtUs = 0
  let said = false
  for (;;) {
    const ready = stations.some(({ guest }) => guest.driver.rx().armCalls())
    const sleptAtUs = nowUs()
    const timeoutUs = ready ? 0 : Math.max(0, dueUs - sleptAtUs)
    const count = epoll.wait(timeoutUs)
    const wokeUs = nowUs()
    stalledUs += Math.max(0, wokeUs - Math.max(sleptAtUs + timeoutUs, dueUs))
    const called = new Set()
    for (let at = 0; at < count; at++) {
      const fd = epoll.fd(at)
      if (fd === 0) {
        epoll.remove(0)
        endsUs = wokeUs + DRAIN_US
      } else {
        drainEventfd(fd)
        called.add(fd)
      }
    }
    for (const [at, to] of stations.entries())
      if (ready || called.has(to.guest.callFds[0])) take(to, stations[1 - at], nowUs())
    if (nowUs() >= dueUs) {
      excuse()
      if (endsUs === Number.POSITIVE_INFINITY) for (const each of stations) send(each, nowUs())
      else endsUs += excusedUs - excusedAtUs
      excusedAtUs = excusedUs
      dueUs = nowUs() + PERIOD_US
    }
    if (!said && report.received > 1) {
      said = true
      console.log('ready')
    }
    const left = first.inFlight.size + second.inFlight.size
    if (nowUs() > endsUs || (left === 0 && endsUs < Number.POSITIVE_INFINITY)) break
  }
  for (const { inFlight } of stations) {
    report.lost += inFlight.size
    for (const flight of inFlight.values()) judge(flight, nowUs())
  }
}

try {
  const [first, second] = [station(firstSocket, 1, 2), station(secondSocket, 2, 1)]
  run(first, second)
  first.guest.close()
  second.guest.close()
} catch (error) {
  report.failure = error instanceof Error ? error.message : String(error)
}
console.log(JSON.stringify(report))
process.exit(0)
