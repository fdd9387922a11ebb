// Generator and sink of a case on a switch that runs as a process of its own, both in this thread.
import { EmbeddedGuest } from '../../dist/embedded/guest.js'
import { announcementOf, BURST, framesOf, receiverFeatures, ringSize, senderFeatures } from './cases.mjs'
import { sleep } from './cleanup.mjs'
import { useQueuePairs } from './queue-pairs.mjs'

const TURNS = 16
/** Frames in flight at most, however long the ring is that holds them all. */
const DEPTH = 256
const MB = 2 ** 20
const SENDER_BYTES = 24 * MB
const RECEIVER_BYTES = 8 * MB
/** testpmd and Open vSwitch take about a second until they poll a guest that is new. */
const MOST_ATTACH_MS = 8000
const TRY_MS = 50
const WARM_UP_MS = 500
const SLICE_MS = 5

/**
 * @typedef {object} PairLoad
 * @property {(ms: number) => number} load runs for a time; returns the frames that arrived per second
 * @property {() => void} close
 */

/**
 * Attaches the guests of a case to a running switch, has it learn where their addresses are, and lets it run for a while.
 * Throws when no frame arrives.
 * @param {{ name: string, sockets: string[] }} target its second socket is the receiver's, its third for addresses that move
 * @param {import('./cases.mjs').Case} of
 * @returns {Promise<PairLoad>}
 */
export async function startPairLoad(target, of) {
  const { pairs = 1, queuePairs = 1, bufferBytes = 2048 } = of
  const frames = framesOf(of)
  const sends = {
    features: senderFeatures(of),
    txRingSize: ringSize(of, frames.length),
    memory: SENDER_BYTES,
  }
  const takes = { features: receiverFeatures(of), queuePairs, bufferBytes, memory: RECEIVER_BYTES }
  const source = new EmbeddedGuest(target.sockets[0], sends)
  const sink = new EmbeddedGuest(target.sockets[1], takes)
  const moves = of.movesEvery !== undefined && target.sockets.length > 2
  const mover = moves ? new EmbeddedGuest(target.sockets[2], sends) : undefined
  const closeAll = () => {
    for (const guest of [source, sink, mover]) guest?.close()
  }
  if (queuePairs > 1) await useQueuePairs(sink, queuePairs, () => sleep(1))
  const attached = performance.now()
  while (source.driver.rxFrames === 0) {
    if (performance.now() > attached + MOST_ATTACH_MS) {
      closeAll()
      throw new Error(`${target.name} delivers nothing in case ${of.name}`)
    }
    sink.driver.send(announcementOf(of, 0))
    await sleep(TRY_MS)
    source.driver.drainRx(false)
  }
  for (let pair = 0; pair < pairs; pair++) {
    for (let tries = 0; !sink.driver.send(announcementOf(of, pair)) && tries < 1000; tries++) await sleep(1)
    source.driver.drainRx(false)
    mover?.driver.drainRx(false)
  }
  source.driver.prepareTx(frames, 0, of.layout)
  mover?.driver.prepareTx(frames, 0, of.layout)
  /** Frames that the sender sends until one comes from the further port. */
  const movesEvery = of.movesEvery ?? 0
  let untilMove = movesEvery

  function burst() {
    const { driver } = source
    driver.reapTx()
    const sent = driver.sendPrepared(Math.min(BURST, DEPTH - driver.inFlightTx()))
    if (mover) {
      untilMove -= sent
      if (untilMove <= 0) untilMove += movesEvery * mover.driver.sendPrepared(1)
    }
    for (let queue = 0; queue < queuePairs; queue++) sink.driver.drainRx(true, queue)
  }

  function load(ms) {
    const start = performance.now()
    const before = sink.driver.rxFrames
    let now = start
    while (now < start + ms) {
      for (let turn = 0; turn < TURNS; turn++) burst()
      now = performance.now()
    }
    // Nobody else reads what is flooded while an address moves.
    source.driver.drainRx(false)
    mover?.driver.drainRx(false)
    return ((sink.driver.rxFrames - before) / (now - start)) * 1000
  }

  const until = performance.now() + WARM_UP_MS
  while (performance.now() < until) {
    load(SLICE_MS)
    // What a switch decides in other threads than the one that forwards may share this processor.
    await sleep(SLICE_MS)
  }
  return { load, close: closeAll }
}
