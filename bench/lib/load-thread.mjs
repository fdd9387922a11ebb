// Guests in one thread that send open-loop: at random times (Poisson) of a rate that may change at any time, and
// never waiting for an answer. What could not be sent because the ring was full is counted and forgotten.
//
// A guest that also receives does so when it is called, as a guest that sleeps between interrupts: it asks for
// calls, polls its ring only after one, and empties it.
import { parentPort, workerData } from 'node:worker_threads'
import { EmbeddedGuest, LINUX_FEATURES } from '../../dist/embedded/guest.js'
import { EPOLLIN, Epoll } from '../../dist/sys/epoll.js'
import { drainEventfd } from '../../dist/sys/eventfd.js'
import { libc } from '../../dist/sys/libc.js'
import { VIRTIO_F } from '../../dist/virtio/virtio.js'
import { udpFrame } from './frames.mjs'
import { FIELDS, LIVE } from './load.mjs'
import { pinThread } from './pin.mjs'

const { guests, shared, cpu, sleeps } = workerData
const control = new Int32Array(shared, 0, 1)
const live = new Float64Array(shared, 8)
const RING = 256
const BURST = 64
const GAPS = 4096
const BROADCAST_BYTES = 60
/** Sleep of a thread that leaves its processor to others: frames come in bursts of what was due meanwhile. */
const REST_US = 50
/** Sleep of a thread that sends nothing: until it is called, or checks whether it shall end. */
const RECEIVERS_REST_US = 20_000

/** Exponential gaps with mean 1, used over and over: a logarithm per frame would be felt. */
const gaps = Float64Array.from({ length: GAPS }, (_, i) => -Math.log((i + 0.5) / GAPS))
for (let i = GAPS - 1; i > 0; i--) {
  const j = Math.floor(Math.random() * (i + 1))
  const held = gaps[i]
  gaps[i] = gaps[j]
  gaps[j] = held
}

/** Lets the bridge learn where a guest is that sends nothing else: a broadcast that is no IP. */
function announcement(number) {
  const frame = udpFrame(BROADCAST_BYTES, number, number)
  frame.fill(0xff, 0, 6)
  frame.set([0x88, 0xb5], 12)
  return frame
}

class Sender {
  constructor(index, { socket, number, to, bytes, receives, always }) {
    this.at = index * FIELDS
    // Without the event index a guest that leaves its flag alone is called at every publication.
    const features = always ? LINUX_FEATURES & ~VIRTIO_F.EVENT_IDX : LINUX_FEATURES
    this.guest = new EmbeddedGuest(socket, { ringSize: RING, features })
    this.always = always === true
    this.driver = this.guest.driver
    this.receives = receives
    const { driver } = this
    if (to.length > 0)
      driver.prepareTx(Array.from({ length: RING }, (_, i) => udpFrame(bytes, to[i % to.length], number)))
    else driver.send(announcement(number))
    if (this.always) driver.rx().armCalls()
    else driver.rx().disarmCalls()
    driver.tx().disarmCalls()
    this.dueUs = 0
    this.gap = index * 97
  }

  /** Sends what is due. Returns how many frames. */
  turn(nowUs) {
    const rate = live[this.at + LIVE.rate]
    if (!(rate > 0)) {
      this.dueUs = 0
      return 0
    }
    if (rate === Number.POSITIVE_INFINITY) {
      const sent = this.driver.sendPrepared(BURST)
      live[this.at + LIVE.sent] += sent
      return sent
    }
    const stepUs = 1e6 / rate
    if (this.dueUs === 0) this.dueUs = nowUs
    const late = Math.floor((nowUs - this.dueUs) / stepUs) - RING
    if (late > 0) {
      // More than a ring behind: this thread could not keep up. A burst of old frames is no answer to that.
      live[this.at + LIVE.unsent] += late
      this.dueUs += late * stepUs
    }
    let wanted = 0
    let { dueUs, gap } = this
    while (dueUs <= nowUs && wanted < BURST) {
      dueUs += gaps[gap++ & (GAPS - 1)] * stepUs
      wanted++
    }
    this.gap = gap & (GAPS - 1)
    this.dueUs = dueUs
    if (wanted === 0) return 0
    const sent = this.driver.sendPrepared(wanted)
    live[this.at + LIVE.sent] += sent
    live[this.at + LIVE.unsent] += wanted - sent
    return sent
  }

  /** Empties the receive ring and asks for a call; `always`: the next publication calls anyway. */
  receive() {
    const { driver } = this
    if (this.always) driver.drainRx(true)
    else {
      const rx = driver.rx()
      rx.disarmCalls()
      do driver.drainRx(true)
      while (rx.armCalls())
    }
    live[this.at + LIVE.received] = driver.rxFrames
    live[this.at + LIVE.wakeups]++
  }
}

if (cpu !== undefined) pinThread(cpu)
const senders = guests.map((each, index) => new Sender(index, each))
const epoll = new Epoll()
const byFd = new Map()
const restUs = guests.every(({ to }) => to.length === 0) ? RECEIVERS_REST_US : REST_US
for (const sender of senders) {
  if (!sender.receives) continue
  const fd = sender.guest.callFds[0]
  byFd.set(fd, sender)
  epoll.add(fd, EPOLLIN)
}
parentPort?.postMessage('ready')
while (Atomics.load(control, 0) === 0) {
  const nowUs = performance.now() * 1000
  let moved = 0
  for (const sender of senders) moved += sender.turn(nowUs)
  if (byFd.size > 0) {
    const count = epoll.wait(0)
    for (let i = 0; i < count; i++) {
      const fd = epoll.fd(i)
      drainEventfd(fd)
      byFd.get(fd).receive()
    }
    moved += count
  }
  // Receivers in threads of their own share this processor.
  if (moved > 0) continue
  if (sleeps) epoll.wait(restUs)
  else libc.sched_yield()
}
epoll.close()
for (const { guest } of senders) guest.close()
