// Part a: generator and sink of our own with one pair of addresses, on two switches in turn. The distance between the
// processors is probed around each window; windows whose probes disagree are dropped, medians compared per class.
import { EmbeddedGuest } from '../../dist/embedded/guest.js'
import { median } from '../../dist/stats/summary.js'
import { BURST, FEATURES } from '../lib/cases.mjs'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { distanceClass } from '../lib/distance.mjs'
import { progress, shown, summarise, table } from '../lib/report.mjs'
import { only } from '../lib/switches.mjs'
import { SETTLE_MS, WINDOW_MS } from './windows.mjs'

/** Fewer windows of a distance are no basis for a median. */
const MIN_WINDOWS = 5

function frame(bytes, to, from) {
  const data = new Uint8Array(bytes)
  data.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5])
  return data
}

/** Generator and sink on a switch. */
function attach(target, bytes) {
  const settings = { features: FEATURES, ringSize: 256, txSlotBytes: 2048, memory: 16 * 2 ** 20 }
  const source = new EmbeddedGuest(target.sockets[0], settings)
  const sink = new EmbeddedGuest(target.sockets[1], settings)
  source.driver.prepareTx(Array.from({ length: 256 }, () => frame(bytes, 2, 1)))
  return { source, sink }
}

/** Runs load for a time. Returns frames that arrived per second. */
function load({ source, sink }, ms) {
  const start = performance.now()
  const end = start + ms
  const before = sink.driver.rxFrames
  let now = start
  while (now < end) {
    for (let turn = 0; turn < 16; turn++) {
      source.driver.sendPrepared(BURST)
      sink.driver.drainRx(true)
    }
    now = performance.now()
  }
  return ((sink.driver.rxFrames - before) / (now - start)) * 1000
}

/**
 * Windows of all switches in turn.
 * @param {number[]} sizes of frames in bytes
 * @param {number} seconds for each size
 */
export async function ownGenerator(switches, probe, sizes, seconds) {
  const windows = []
  for (const bytes of sizes) {
    const ends = []
    for (const target of switches) {
      progress(`${bytes} bytes: attaching to ${target.name}`)
      only(switches, target)
      const pair = attach(target, bytes)
      await sleep(1500)
      pair.sink.driver.send(frame(60, 1, 2))
      const until = performance.now() + 3000
      while (pair.source.driver.rxFrames === 0 && performance.now() < until) pair.source.driver.drainRx(false)
      load(pair, 500)
      ends.push(pair)
    }
    for (const target of switches) target.pause()
    progress(`${bytes} bytes: windows for ${seconds} s`)
    const until = performance.now() + seconds * 1000
    while (performance.now() < until && !isEnding()) {
      for (const [index, target] of switches.entries()) {
        const before = probe.measure()
        target.resume()
        load(ends[index], SETTLE_MS)
        const fps = load(ends[index], WINDOW_MS)
        target.pause()
        const after = probe.measure()
        windows.push({ bytes, switch: target.name, fps, before, after })
      }
      // So that Ctrl-C is heard.
      await sleep(0)
    }
    for (const target of switches) target.resume()
    for (const pair of ends) {
      pair.source.close()
      pair.sink.close()
    }
    await sleep(500)
  }
  return windows
}

/** Prints the medians of the windows by distance. Returns them. */
export function reportOwnGenerator(windows, sizes) {
  const summary = []
  for (const bytes of sizes)
    for (const distance of ['shared', 'apart', 'far']) {
      const chosen = windows.filter(
        (window) =>
          window.bytes === bytes &&
          distanceClass(window.before) === distance &&
          distanceClass(window.after) === distance,
      )
      const rate = (name) => chosen.filter((window) => window.switch === name).map(({ fps }) => fps / 1e6)
      const [ours, theirs] = [rate('ringferry'), rate('testpmd')]
      if (ours.length < MIN_WINDOWS || theirs.length < MIN_WINDOWS) continue
      const row = {
        bytes,
        distance,
        windows: chosen.length,
        ringferry: summarise(ours),
        testpmd: summarise(theirs),
      }
      summary.push({ ...row, ratio: median(ours) / median(theirs) })
    }
  console.log('\n(a) our generator, one direction: millions of frames per second received')
  table(
    ['bytes', 'distance', 'windows', 'ringferry', 'testpmd', 'ratio'],
    summary.map((row) => [
      row.bytes,
      row.distance,
      row.windows,
      shown(row.ringferry),
      shown(row.testpmd),
      row.ratio.toFixed(2),
    ]),
  )
  return summary
}
