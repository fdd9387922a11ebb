// Cost of a frame by the number of ports and addresses: the plane alone, in one thread. All ports are active: each
// sends to the next, from the k-th of its addresses to the k-th of that one. And what a port takes of memory.
import { G_WORK_LEFT, GRANULE_BYTES, MAX_FDB_ENTRIES, PORT_BYTES } from '../dist/core/layout.js'
import { median } from '../dist/stats/summary.js'
import { BURST, FEATURES, stationFrame } from './lib/cases.mjs'
import { isEnding, runBench, sleep } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { startEngine, WORK_UNITS } from './lib/plane-bed.mjs'
import { header, progress, progressEnd, save, table } from './lib/report.mjs'

const options = readOptions('scale', 'nanoseconds that the plane takes for a frame by ports and addresses', {
  ports: { default: '2,8,64', help: 'numbers of ports' },
  addresses: {
    default: '2,8,64,512,4096,16384,32768,65536',
    help: `numbers of addresses of all ports together, at least one each; ${MAX_FDB_ENTRIES} are learned`,
  },
})
const seconds = Number(options.seconds ?? (options.quick ? 0.2 : 1))
const portCounts = numbers(options.ports)
const addressCounts = numbers(options.addresses)
const MIN_ROUNDS = 5
const ROUND_MS = 20
const NS_PER_MS = 1e6
const MB = 2 ** 20
const FRAME_BYTES = 64
const BUFFER_BYTES = 2048
const MIN_RING = 256
/** Of a guest: rings and buffers, and for each frame its slot and what the ring has for it. */
const GUEST_BYTES = 4 * MB
const FRAME_ROOM_BYTES = 192
/** Laps between two turns of the engine, which moves its clock. */
const TURN_EVERY = 32

/**
 * Ports in a circle.
 * @param {number} ports
 * @param {number} addresses of all together
 */
function startCircle(ports, addresses) {
  const each = Math.floor(addresses / ports)
  const txRingSize = Math.max(MIN_RING, 2 ** Math.ceil(Math.log2(each)))
  const wanted = GUEST_BYTES + txRingSize * FRAME_ROOM_BYTES
  const memory = Math.ceil(wanted / GRANULE_BYTES) * GRANULE_BYTES
  const most = MAX_FDB_ENTRIES
  const bed = startEngine({ memoryBytes: 1024 * MB, maxAddresses: most })
  const { engine, globals } = bed
  const free = engine.memory.freeBytes
  const guests = Array.from({ length: ports }, () =>
    bed.attach(
      { publish: 'natural', maxAddresses: most, stormFps: 0 },
      { features: FEATURES, txRingSize, memory, bufferBytes: BUFFER_BYTES },
    ),
  )
  // What the heap has given out, but for the windows through which guests' memory is seen.
  const portBytes = PORT_BYTES + (free - engine.memory.freeBytes) / ports - memory
  for (const [port, { driver }] of guests.entries()) {
    const next = (port + 1) % ports
    driver.prepareTx(Array.from({ length: each }, (_, k) => stationFrame(FRAME_BYTES, [next, k], [port, k])))
  }
  let laps = 0
  /** Polls every port once, with a burst of frames in its ring. */
  function lap() {
    if (++laps % TURN_EVERY === 0) engine.step()
    const cost = { frames: 0, ms: 0, work: 0 }
    for (const [port, { driver }] of guests.entries()) {
      driver.sendPrepared(BURST)
      const start = performance.now()
      cost.frames += engine.plane.poll(port, BURST)
      cost.ms += performance.now() - start
      cost.work += WORK_UNITS - globals.get(G_WORK_LEFT)
      for (const guest of guests) guest.driver.drainRx(false)
    }
    return cost
  }
  return { lap, each, portBytes, close: bed.close }
}

/** Nanoseconds a frame, round by round, and what the slow path charged for one. */
async function measure(circle) {
  const learning = Math.ceil(circle.each / BURST) * 2
  for (let laps = 0; laps < learning && !isEnding(); laps++) circle.lap()
  const rounds = []
  let [frames, work] = [0, 0]
  const until = performance.now() + seconds * 1000
  while ((rounds.length < MIN_ROUNDS || performance.now() < until) && !isEnding()) {
    const end = performance.now() + ROUND_MS
    const round = { frames: 0, ms: 0 }
    while (performance.now() < end) {
      const cost = circle.lap()
      round.frames += cost.frames
      round.ms += cost.ms
      work += cost.work
    }
    frames += round.frames
    rounds.push((round.ms * NS_PER_MS) / round.frames)
    await sleep(0)
  }
  return { rounds, workPerFrame: work / frames }
}

await runBench(async () => {
  const settings = { seconds, burst: BURST, bytes: FRAME_BYTES }
  const machine = header(
    'The plane alone, by ports and addresses: nanoseconds a frame, best (median)',
    settings,
  )
  const results = []
  for (const ports of portCounts)
    for (const addresses of addressCounts) {
      if (addresses < ports) continue
      progress(`${ports} ports, ${addresses} addresses`)
      const circle = startCircle(ports, addresses)
      results.push({ ports, addresses, portBytes: circle.portBytes, ...(await measure(circle)) })
      circle.close()
    }
  progressEnd()
  const cell = (ports, addresses) => {
    const found = results.find((each) => each.ports === ports && each.addresses === addresses)
    if (!found) return ''
    const mark = found.workPerFrame > 0 ? ` w${found.workPerFrame.toFixed(1)}` : ''
    return `${Math.min(...found.rounds).toFixed(1)} (${median(found.rounds).toFixed(1)})${mark}`
  }
  table(
    ['addresses', ...portCounts.map((ports) => `${ports} ports`)],
    addressCounts.map((addresses) => [
      String(addresses),
      ...portCounts.map((ports) => cell(ports, addresses)),
    ]),
  )
  console.log(
    'w: units of work that the slow path charged for a frame; above the limit addresses are not learned',
  )
  const [first] = results
  console.log(`memory of a port with a guest on one queue pair: ${Math.round(first.portBytes / 1024)} KiB`)
  save(options.json, { bench: 'scale', machine, settings, results })
})
