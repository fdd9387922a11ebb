// A switch with its guests in one thread, so that the plane's part of a burst can be timed alone.
import { recordCount } from '../../dist/core/byte-ring.js'
import { Globals } from '../../dist/core/globals.js'
import {
  ACTIVE_AT,
  G_ACTIVE,
  G_WORK_LEFT,
  NET_HEADER_BYTES,
  P_TOUCHED,
  PORT_LINK,
  STAGE_AT,
} from '../../dist/core/layout.js'
import { PortRow } from '../../dist/core/port-row.js'
import { EmbeddedGuest } from '../../dist/embedded/guest.js'
import { Engine } from '../../dist/engine/engine.js'
import { readSettings } from '../../dist/port/settings.js'
import { socketPair } from '../../dist/sys/unix-socket.js'
import { announcementOf, BURST, framesOf, receiverFeatures, ringSize, senderFeatures } from './cases.mjs'
import { useQueuePairs } from './queue-pairs.mjs'

const MB = 2 ** 20
/** Memory of a guest that sends: rings, frames written once, indirect tables. */
const SENDER_BYTES = 24 * MB
const RECEIVER_BYTES = 6 * MB
/** What a burst may cost; the fast path charges nothing. Source: plane/work.ts. */
export const WORK_UNITS = 4096
/** Bursts between two turns of the engine, which moves its clock and with it what rate limits allow. */
const TURN_EVERY = 32

/**
 * An engine with guests that are attached to it.
 * @param {import('../../dist/engine/engine-options.js').EngineOptions} options
 */
export function startEngine(options) {
  const engine = new Engine({ requestShare: 1, ageingS: 86_400, ...options })
  const guests = []
  return {
    engine,
    guests,
    globals: new Globals(engine.memory),
    /**
     * @param {Record<string, unknown>} port its settings
     * @param {import('../../dist/embedded/guest.js').EmbeddedGuestOptions} settings
     */
    attach(port, settings) {
      const [ours, theirs] = socketPair()
      engine.addPort({ kind: 'embedded', name: `g${guests.length}`, fd: ours, ...port })
      const guest = new EmbeddedGuest(theirs, { pump: () => engine.step(), ...settings })
      guests.push(guest)
      return guest
    },
    /** A host port without a device, which has a station's address. */
    attachHost(index, announcement) {
      const row = new PortRow(engine.memory, index)
      row.open(readSettings({ name: 'host' }), false)
      row.flag(PORT_LINK, true)
      const globals = new Globals(engine.memory)
      globals.setEntry(ACTIVE_AT, globals.get(G_ACTIVE), index)
      globals.set(G_ACTIVE, globals.get(G_ACTIVE) + 1)
      engine.memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
      engine.memory.u8.set(announcement, STAGE_AT + NET_HEADER_BYTES)
      engine.plane.ingest(index, STAGE_AT, NET_HEADER_BYTES + announcement.length, NET_HEADER_BYTES)
      engine.plane.publish()
      /** Takes what waits to be written. Returns the records. */
      return () => {
        const records = recordCount(engine.memory, row.ring)
        engine.plane.ringTake(row.ring, records)
        return records
      }
    },
    /** Switches the fast path on or off for all ports, as rows do that note which granules are used. */
    setFastPath(on) {
      for (const { index } of engine.ports) new PortRow(engine.memory, index).set(P_TOUCHED, on ? 0 : 1)
    },
    close() {
      for (const guest of guests) guest.close()
      engine.close()
    },
  }
}

/**
 * A case, set up: addresses learned, frames prepared.
 * @param {import('./cases.mjs').Case} of
 */
export async function startPlaneBed(of) {
  const { pairs = 1, receivers = 1, queuePairs = 1, bufferBytes = 2048 } = of
  const bed = startEngine({ memoryBytes: 512 * MB })
  const { engine, globals, attach } = bed
  const frames = framesOf(of)
  const sends = {
    features: senderFeatures(of),
    txRingSize: ringSize(of, frames.length),
    memory: SENDER_BYTES,
  }
  const source = attach({ ...of.sender }, sends)
  const sinks = []
  for (let i = 0; i < receivers; i++) {
    const takes = { features: receiverFeatures(of), queuePairs, bufferBytes, memory: RECEIVER_BYTES }
    const sink = attach({ publish: 'natural', ...of.receiver }, takes)
    if (queuePairs > 1) await useQueuePairs(sink, queuePairs, () => engine.step())
    sinks.push(sink)
  }
  const takeHost = of.host ? bed.attachHost(1, announcementOf(of, 0)) : undefined
  let hostFrames = 0
  const mover = of.movesEvery ? attach({}, sends) : undefined
  const drain = () => {
    for (const { driver } of sinks)
      for (let queue = 0; queue < queuePairs; queue++) driver.drainRx(false, queue)
  }
  for (let pair = 0; pair < pairs && receivers > 0; pair++) {
    sinks[pair % receivers].driver.send(announcementOf(of, pair))
    engine.step()
    for (const { driver } of [source, ...sinks, ...(mover ? [mover] : [])]) driver.drainRx(false)
  }
  source.driver.prepareTx(frames, 0, of.layout)
  mover?.driver.prepareTx(frames, 0, of.layout)
  const moverIndex = receivers + 1
  const received = () => sinks.reduce((sum, { driver }) => sum + driver.rxFrames, hostFrames)
  let burst = 0

  /** Moves bursts. Returns what they cost, and what became of them. */
  function turn(bursts) {
    let [sent, ms, work, moved] = [0, 0, 0, 0]
    const before = received()
    for (let i = 0; i < bursts; i++) {
      if (++burst % TURN_EVERY === 0) engine.step()
      const isMoved = of.movesEvery !== undefined && burst % Math.round(of.movesEvery / BURST) === 0
      if (isMoved) moved += /** @type {EmbeddedGuest} */ (mover).driver.sendPrepared(1)
      source.driver.sendPrepared(BURST)
      const start = performance.now()
      if (isMoved) engine.plane.poll(moverIndex, BURST)
      sent += engine.plane.poll(0, BURST)
      ms += performance.now() - start
      work += WORK_UNITS - globals.get(G_WORK_LEFT)
      drain()
      if (takeHost) hostFrames += takeHost()
      mover?.driver.drainRx(false)
    }
    sent += moved
    return { sent, received: received() - before, ms, work }
  }
  // The first bursts tell where the sender's addresses are.
  turn(Math.ceil(frames.length / BURST) * 2)
  return { ...bed, turn }
}
