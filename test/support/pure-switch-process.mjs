// A switch without a kernel: the plane between two modelled guests, the controller and the pace on a modelled clock. Run
// with no-system.mjs in front, so that whatever asks for a module of Node's or for a package fails. Arguments: between how
// many turns tuning, delays, counters and addresses are read (0: never); then modules to load besides, as URLs. Standard
// input: plane.wasm. Standard output: what came of it, as JSON.
const FORBIDDEN = [
  ...[
    [Date, 'now'],
    [performance, 'now'],
    [Math, 'random'],
  ],
  ...['setTimeout', 'setInterval', 'setImmediate', 'fetch'].map((name) => [globalThis, name]),
]
for (const [owner, name] of FORBIDDEN)
  owner[name] = () => {
    throw new Error(`${name} was asked: time and chance are arguments`)
  }

const bytes = []
for await (const part of process.stdin) bytes.push(...part)
const [readEvery, ...modules] = process.argv.slice(2)
for (const url of modules) await import(url)

const dist = new URL('../../dist/', import.meta.url)
const load = (path) => import(new URL(path, dist))
const layout = await load('core/layout.js')
const { LinearMemory } = await load('core/linear-memory.js')
const { instantiatePlane } = await load('core/plane.js')
const { PortRow, VLAN_BITMAP_BYTES } = await load('core/port-row.js')
const { VringRow } = await load('core/vring-row.js')
const { Globals } = await load('core/globals.js')
const { readCounters } = await load('core/counters.js')
const { readDelays } = await load('core/delays.js')
const { readFdb, seedFdb } = await load('core/fdb.js')
const { Controller } = await load('control/controller.js')
const { DecisionInForce } = await load('control/in-force.js')
const { TuningSettings } = await load('control/tuning-settings.js')
const { Pace, SLEEP, SPIN, TURN } = await load('control/pace.js')
const { readTuning } = await load('control/tuning.js')
const { TuningReader } = await load('control/tuning-reader.js')
const { DeficitRoundRobin } = await load('aggregation/drr.js')
const { NATURAL_LIMITS } = await load('aggregation/policy.js')
const { NetDriver } = await load('driver/net-driver.js')
const { VIRTIO_F, VIRTIO_NET_F } = await load('virtio/virtio.js')

const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const RING_SIZE = 256
const PAGES_PER_GRANULE = 512n
const BURST = 16
/** What the shortest sleep takes. */
const WAKE_UP_US = 1
const NO_LISTS = { checks: 0, macs: [], ipv4: [], ipv6: [], learnNd: [] }
const NO_RATES = { checks: 0, buckets: [], toVm: false }

const memory = new LinearMemory(32 * 2 ** 20)
const plane = instantiatePlane(memory, new WebAssembly.Module(Uint8Array.from(bytes)))
const globals = new Globals(memory)

/** Guest memory of one granule that lies in the linear memory, as a grant would map it there. */
class ModelledMemory {
  #used = 4096
  constructor() {
    this.at = memory.allocateGranules(1)
    const { buffer } = memory.u8
    this.u8 = new Uint8Array(buffer, this.at, layout.GRANULE_BYTES)
    this.u16 = new Uint16Array(buffer, this.at, layout.GRANULE_BYTES / 2)
    this.u32 = new Uint32Array(buffer, this.at, layout.GRANULE_BYTES / 4)
    this.u64 = new BigUint64Array(buffer, this.at, layout.GRANULE_BYTES / 8)
    this.data = new DataView(buffer, this.at, layout.GRANULE_BYTES)
  }
  offsetOf(guestAddress) {
    return guestAddress
  }
  allocate(size, align = 4096) {
    const at = Math.ceil(this.#used / align) * align
    this.#used = at + size
    return at
  }
  /** Says to the plane that granule 0 of the port's guest lies here, all of its pages. */
  grantTo(row) {
    const span = memory.allocate(2 * layout.SPAN_BYTES + layout.GRANULE_ENTRY_BYTES)
    const entries = span + 2 * layout.SPAN_BYTES
    memory.u32[(span + layout.SPAN_COUNT) >>> 2] = 1
    memory.u32[(span + layout.SPAN_ENTRIES) >>> 2] = entries
    memory.u64[entries >>> 3] = (PAGES_PER_GRANULE << 48n) | BigInt(this.at)
    row.set(layout.P_SPAN, span)
    row.set(layout.P_SPANS, span)
  }
}

/** A guest on a port of its own, with its rings running. */
function attach(index) {
  const row = new PortRow(memory, index)
  row.open(
    {
      name: `g${index}`,
      flags: layout.PORT_TRUNK | layout.PORT_TRANSPARENT,
      nativeVlan: 0,
      vlans: new Uint8Array(VLAN_BITMAP_BYTES).fill(0xff),
      groups: 0,
      merge: 0,
      maxAddresses: 1024,
      mtu: undefined,
      guard: NO_LISTS,
      rates: NO_RATES,
      hold: NATURAL_LIMITS,
    },
    true,
  )
  const guestMemory = new ModelledMemory()
  guestMemory.grantTo(row)
  const driver = new NetDriver(guestMemory, { features: FEATURES, ringSize: RING_SIZE })
  driver.fillRx(2048)
  for (const [queue, ring] of driver.rings.entries()) {
    const vring = new VringRow(memory, index, queue)
    vring.place({
      desc: guestMemory.at + ring.desc,
      avail: guestMemory.at + ring.avail,
      used: guestMemory.at + ring.used,
      ...{ size: RING_SIZE, headerBytes: driver.headerBytes },
    })
    if (vring.isReceive) vring.set(layout.V_BACKLOG, row.ring)
    const { VRING_READY, VRING_ENABLED, VRING_EVENT_IDX, VRING_MERGEABLE } = layout
    vring.set(layout.V_FLAGS, VRING_READY | VRING_ENABLED | VRING_EVENT_IDX | VRING_MERGEABLE)
  }
  row.flag(layout.PORT_LINK, true)
  globals.setEntry(layout.ACTIVE_AT, index, index)
  globals.set(layout.G_ACTIVE, index + 1)
  driver.rx().armCalls()
  return { row, driver }
}

/** A UDP datagram, as far as the switch reads it, of station 02::from to 02::to: a frame that may wait. */
function datagram(to, from, number, size) {
  const frame = Uint8Array.from({ length: size }, (_, at) => (at * 7 + number) & 255)
  frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0, 0x45])
  frame[23] = 17
  return frame
}

seedFdb(memory.u64, BigUint64Array.of(3n, 5n, 7n))
globals.set(layout.G_FDB_LIMIT, 1024)
globals.set(layout.G_FDB_AGE_S, 300)
let nowUs = 1_000_000
globals.nowUs = nowUs

const guests = [attach(0), attach(1)]
const [sender, receiver] = guests.map(({ driver }) => driver)
const settings = new TuningSettings({ policy: { name: 'natural' }, budget: 0.05 })
// The engine rests no longer than this one allows; the other is held beyond.
settings.setTarget(0, { targetUs: 300 })
settings.setTarget(1, { targetUs: 800 })
const inForce = new DecisionInForce(settings)
const controller = new Controller(memory, settings.buffer)
const pace = new Pace(inForce, 20)
const vifs = guests.map(({ row }, index) => ({
  index,
  name: `g${index}`,
  setHoldLimits: (limits) => row.setHoldLimits(limits),
}))
const log = new TuningReader(settings.buffer)
const tuning = () => readTuning(memory.u64, log, (row) => vifs[row]?.name)

let turns = 0
let reads = 0
/** All that somebody who watches the switch asks for. */
function read() {
  const seen = [tuning(), readFdb(memory.u64)]
  for (const { index } of vifs) seen.push(readCounters(memory.u64, index), readDelays(memory.u64, index))
  reads += seen.length > 0 ? 1 : 0
}

const order = new DeficitRoundRobin(vifs.length, 20, 5_000)
/** What each vif may still use after each turn that moved frames. */
const deficits = []
let workedUs = 0
/** A turn of an engine that takes about `costUs` for each frame, and what the pace makes of it. */
function turn(costUs) {
  globals.nowUs = nowUs
  let moved = 0
  for (const { index } of vifs) order.activate(index)
  for (let bursts = 0; bursts < vifs.length; bursts++) {
    const index = order.next()
    if (index < 0) break
    const count = plane.poll(index, 64)
    moved += count
    if (count === 0) order.deactivate(index)
    else order.charge(index, count * costUs * (1 + (turns % 7) / 20))
  }
  if (moved > 0) deficits.push(order.deficitUs.join())
  plane.serveHeld(0)
  globals.set(layout.G_CALLS, 0)
  if (controller.dueUs(nowUs) === 0) controller.run(nowUs, use())
  if (inForce.isNew) inForce.take((row, limits) => vifs[row].setHoldLimits(limits))
  if (pace.isTickDue(nowUs)) pace.ticked(nowUs)
  turns++
  if (readEvery > 0 && turns % readEvery === 0) read()
  const step = pace.next(nowUs, moved > 0)
  nowUs += moved * costUs
  workedUs += moved * costUs
  return { moved, step }
}

const NEVER = Number.POSITIVE_INFINITY
/** What ends a pause: the next held batch. */
const due = () => ({
  heldUs: globals.getF64(layout.G_HELD_US),
  releaseUs: NEVER,
  pollUs: NEVER,
  renotifyUs: NEVER,
  requestUs: NEVER,
})
const use = () => ({ workedUs, spunUs: pace.spunUs, waitedUs: 0, wakes: pace.wakes })

let sent = 0
let received = 0
let wrong = 0
let answered = 0
/** Sends a burst every `everyUs` microseconds for a while, and takes what comes, byte by byte. */
function carry(bursts, everyUs, costUs) {
  const steps = new Set()
  for (let burst = 0; burst < bursts; burst++) {
    const endUs = nowUs + everyUs
    for (let at = 0; at < BURST; at++, sent++) sender.enqueue(datagram(2, 1, sent, 60 + (sent % 900)))
    sender.publish(1)
    sender.reapTx()
    receiver.send(datagram(1, 2, burst, 60))
    receiver.reapTx()
    while (nowUs < endUs) {
      const { step } = turn(costUs)
      steps.add(step)
      if (step === TURN) continue
      if (step === SPIN) {
        pace.spun(nowUs, ++nowUs)
        continue
      }
      const fromUs = nowUs
      if (step === SLEEP) {
        const plannedUs = pace.sleepUs(nowUs, endUs - nowUs, due())
        nowUs += Math.max(WAKE_UP_US, plannedUs)
        pace.slept(fromUs, nowUs, plannedUs)
      } else {
        nowUs += Math.max(WAKE_UP_US, pace.restUs(endUs - nowUs, due()))
        pace.rested(nowUs)
      }
      pace.resumed(nowUs)
      for (let got = receiver.receive(); got; got = receiver.receive()) {
        const right = datagram(2, 1, received, 60 + (received % 900))
        if (got.frame.length !== right.length || got.frame.some((byte, at) => byte !== right[at])) wrong++
        received++
      }
      while (sender.receive()) answered++
      for (const driver of [sender, receiver]) driver.rx().armCalls()
    }
  }
  return [...steps].sort()
}

// The receiver's address is learned before anything is sent to it.
receiver.send(datagram(1, 2, 0, 60))
turn(1)

const apply = (policy) => {
  settings.configure({ policy })
  settings.setControlled(
    vifs.map(({ index }) => index),
    nowUs,
  )
  const { limits } = settings
  inForce.clear()
  if (limits) for (const vif of vifs) vif.setHoldLimits(limits)
}
const story = []
apply({ name: 'natural' })
story.push({ steps: carry(50, 100, 0.1), tuning: tuning() })
apply({ name: 'fixed', holdUs: 300, maxFrames: 9 })
story.push({ steps: carry(50, 100, 0.1), tuning: tuning() })
apply({ name: 'adaptive' })
story.push({ steps: carry(1200, 250, 2), tuning: tuning() })
const { decisions } = log.read()
// What is still held.
nowUs += 1e6
turn(0)
carry(1, 1000, 0)
const switched = {
  ...{ sent, received, wrong, answered, story },
  counters: vifs.map(({ index }) => readCounters(memory.u64, index)),
  delays: vifs.map(({ index }) =>
    Object.values(readDelays(memory.u64, index)).map((counts) => counts.join()),
  ),
  fdb: readFdb(memory.u64),
  decisions,
  deficits,
  pace: { spinUs: pace.spinUs, spunUs: pace.spunUs, wakes: pace.wakes },
  nowUs,
}
process.stdout.write(JSON.stringify({ reads, switched }))
