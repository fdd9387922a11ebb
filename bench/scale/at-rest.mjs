// Two ports that send to each other at full speed, beside ports at rest: what a frame costs the engine, turns and all.
import { GRANULE_BYTES } from '../../dist/core/layout.js'
import { FEATURES, stationFrame } from '../lib/cases.mjs'
import { startEngine } from '../lib/plane-bed.mjs'
import { FRAME_BYTES } from './circle.mjs'

const MB = 2 ** 20
/** As many as one step of the engine takes from each of two ports, so that none of its turns finds nothing. */
const FRAMES = 4096
const BUFFER_BYTES = 2048
const WORKING_BYTES = 12 * MB
const RESTING = { features: FEATURES, ringSize: 256, memory: 2 * GRANULE_BYTES, bufferBytes: BUFFER_BYTES }

/** @param {number} ports of which all but two are at rest */
export function startAtRest(ports) {
  const bed = startEngine({ memoryBytes: 512 * MB })
  const { engine } = bed
  const settings = { publish: 'natural', stormFps: 0 }
  const working = [0, 1].map(() =>
    bed.attach(settings, {
      ...{ features: FEATURES, ringSize: FRAMES, memory: WORKING_BYTES },
      ...{ bufferBytes: BUFFER_BYTES, txSlotBytes: BUFFER_BYTES },
    }),
  )
  for (let port = working.length; port < ports; port++) bed.attach(settings, RESTING)
  for (const [port, { driver }] of working.entries())
    driver.prepareTx([stationFrame(FRAME_BYTES, [1 - port, 0], [port, 0])])

  /** Both send a ring full of frames. Returns what it cost. */
  function lap() {
    for (const { driver } of working) driver.sendPrepared(FRAMES)
    const start = performance.now()
    const frames = engine.step()
    const ms = performance.now() - start
    // What is left is not counted: turns that serve one port alone.
    while (engine.step() > 0);
    for (const { driver } of working) driver.drainRx(false)
    return { frames, ms }
  }
  return { lap, close: bed.close }
}
