// Ports in a circle: each sends to the next, from the k-th of its addresses to the k-th of that one.
import { G_WORK_LEFT, GRANULE_BYTES, MAX_FDB_ENTRIES, PORT_BYTES } from '../../dist/core/layout.js'
import { BURST, FEATURES, stationFrame } from '../lib/cases.mjs'
import { startEngine, WORK_UNITS } from '../lib/plane-bed.mjs'

const MB = 2 ** 20
export const FRAME_BYTES = 64
const BUFFER_BYTES = 2048
/** Of a guest: rings and what belongs to no frame; for each frame its slot and what the ring has for it. */
const GUEST_BYTES = 4 * MB
const FRAME_ROOM_BYTES = 192
/** Laps between two turns of the engine, which moves its clock. */
const TURN_EVERY = 32

/**
 * @param {number} ports
 * @param {number} addresses of all together
 * @param {number} ringSize entries of each ring of each guest, at least: all of them are used in turn
 */
export function startCircle(ports, addresses, ringSize) {
  const each = Math.floor(addresses / ports)
  const txRingSize = Math.max(ringSize, 2 ** Math.ceil(Math.log2(each)))
  const wanted = GUEST_BYTES + txRingSize * FRAME_ROOM_BYTES + ringSize * BUFFER_BYTES
  const memory = Math.ceil(wanted / GRANULE_BYTES) * GRANULE_BYTES
  const most = MAX_FDB_ENTRIES
  const bed = startEngine({ memoryBytes: 1024 * MB, maxAddresses: most })
  const { engine, globals } = bed
  const free = engine.memory.freeBytes
  const guests = Array.from({ length: ports }, () =>
    bed.attach(
      { publish: 'natural', maxAddresses: most, stormFps: 0 },
      { features: FEATURES, ringSize, txRingSize, memory, bufferBytes: BUFFER_BYTES },
    ),
  )
  // What the heap has given out, but for the windows through which guests' memory is seen.
  const portBytes = PORT_BYTES + (free - engine.memory.freeBytes) / ports - memory
  for (const [port, { driver }] of guests.entries()) {
    const next = (port + 1) % ports
    const frames = Array.from({ length: each }, (_, k) => stationFrame(FRAME_BYTES, [next, k], [port, k]))
    driver.prepareTx(frames)
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
  // Of a frame a line of its slot and one of its buffer are touched, and of both rings descriptor, head and used entry.
  const entries = ports * (txRingSize + ringSize)
  return { lap, each, portBytes, entries, close: bed.close }
}
