// Frames per second from one vif to another through the switch on one processor; the load has the other one.
// Ringferry bridges (FDB, all checks on); DPDK's testpmd only moves frames from port to port.
//
// (a) Our own generator and sink on the frontend. Short windows of the two switches alternate, the other one
//     stopped. The distance between the processors is probed around each window; windows whose probes disagree
//     are dropped, medians compared per class.
// (b) testpmd's flowgen on virtio_user as a client that knows nothing of either switch, both directions at once.
//     Its own limit is near; windows of about two seconds alternate, rates are read at the switch.
import { EmbeddedGuest } from '../dist/embedded/guest.js'
import { median } from '../dist/stats/summary.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../dist/virtio/virtio.js'
import { isEnding, runBench, sleep, undoLater } from './lib/cleanup.mjs'
import { distanceClass, startDistanceProbe } from './lib/distance.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { pinThread } from './lib/pin.mjs'
import { header, progress, progressEnd, ratio, save, short, shown, summarise, table } from './lib/report.mjs'
import { startFlowgen, startRingferry, startTestpmd } from './lib/switches.mjs'

const options = readOptions('pps', 'frames per second through Ringferry and through DPDK testpmd', {
  sizes: { default: '64,256,1500', help: 'frame lengths in bytes' },
  parts: { default: 'a,b', help: 'a: our generator, b: testpmd as the client' },
  rounds: { default: undefined, help: 'windows of each switch and length in part b (default 7; quick 2)' },
})
const seconds = Number(options.seconds ?? (options.quick ? 4 : 15))
const rounds = Number(options.rounds ?? (options.quick ? 2 : 7))
const parts = options.parts.split(',')
const sizes = numbers(options.sizes)
const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const WINDOW_MS = 20
const SETTLE_MS = 2
const CLIENT_WINDOW_MS = 2000
const CLIENT_SETTLE_MS = 300
const BURST = 32
const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
/** Fewer windows of a distance are no basis for a median. */
const MIN_WINDOWS = 5

function frame(bytes, to, from) {
  const data = new Uint8Array(bytes)
  data.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5])
  return data
}

// ---- part a ----

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

/** Lets one switch run, all others stopped. */
function only(switches, target) {
  for (const each of switches) (each === target ? each.resume : each.pause)()
}

async function ownGenerator(switches, probe) {
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

function reportOwnGenerator(windows) {
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

// ---- part b ----

async function clientWindow(target, client) {
  const [before, clientBefore] = [await target.delivered(), await client.stats()]
  await sleep(CLIENT_WINDOW_MS)
  const [after, clientAfter] = [await target.delivered(), await client.stats()]
  const perSecond = (name) => ((after[name] - before[name]) * 1000) / (after.atMs - before.atMs)
  const clientMs = clientAfter.atMs - clientBefore.atMs
  const fps = perSecond('frames')
  return {
    fps,
    frameBytes: perSecond('bytes') / fps,
    clientRxFps: ((clientAfter.rxFrames - clientBefore.rxFrames) * 1000) / clientMs,
    clientTxFps: ((clientAfter.txFrames - clientBefore.txFrames) * 1000) / clientMs,
  }
}

async function testpmdClient(switches) {
  const windows = []
  for (const bytes of sizes) {
    const clients = []
    for (const target of switches) {
      progress(`${bytes} bytes: testpmd as a client of ${target.name}`)
      only(switches, target)
      const client = await startFlowgen({ cpu: LOAD_CPU, sockets: target.sockets, bytes, name: target.name })
      await sleep(1500)
      client.pause()
      clients.push(client)
    }
    for (let round = 0; round < rounds; round++)
      for (let turn = 0; turn < switches.length && !isEnding(); turn++) {
        const at = (turn + round) % switches.length
        progress(`${bytes} bytes: round ${round + 1} of ${rounds}, ${switches[at].name}`)
        only(switches, switches[at])
        clients[at].resume()
        await sleep(CLIENT_SETTLE_MS)
        windows.push({
          bytes,
          round,
          switch: switches[at].name,
          ...(await clientWindow(switches[at], clients[at])),
        })
        clients[at].pause()
      }
    for (const target of switches) target.resume()
    for (const client of clients) await client.stop()
    await sleep(1000)
  }
  return windows
}

function reportTestpmdClient(windows) {
  const summary = sizes.map((bytes) => {
    const rate = (name, figure = 'fps') =>
      windows
        .filter((window) => window.bytes === bytes && window.switch === name)
        .map((window) => window[figure] / 1e6)
    const [ours, theirs] = [rate('ringferry'), rate('testpmd')]
    return {
      ...{ bytes, windows: ours.length, ringferry: summarise(ours), testpmd: summarise(theirs) },
      ...{ ratio: ratio(ours, theirs), offered: summarise(rate('ringferry', 'clientTxFps')) },
    }
  })
  console.log(
    '\n(b) testpmd flowgen as the client, both directions: millions of frames per second, counted at the switch',
  )
  table(
    ['bytes', 'windows', 'ringferry', 'testpmd', 'ratio', 'client sends'],
    summary.map((row) => [
      row.bytes,
      row.windows,
      shown(row.ringferry),
      shown(row.testpmd),
      shown(row.ratio),
      short(row.offered.estimate),
    ]),
  )
  return summary
}

await runBench(async () => {
  const settings = { seconds, windowMs: WINDOW_MS, burst: BURST, rounds, clientWindowMs: CLIENT_WINDOW_MS }
  const machine = header('Frames per second, Ringferry and DPDK testpmd on one processor', settings)
  pinThread(LOAD_CPU)
  const results = { bench: 'pps', machine, settings }
  const switches = [await startRingferry({ cpu: SWITCH_CPU }), await startTestpmd({ cpu: SWITCH_CPU })]
  if (parts.includes('a')) {
    const probe = await startDistanceProbe(SWITCH_CPU)
    undoLater(() => probe.stop())
    results.windows = await ownGenerator(switches, probe)
    progressEnd()
    results.summary = reportOwnGenerator(results.windows)
  }
  if (parts.includes('b')) {
    results.clientWindows = await testpmdClient(switches)
    progressEnd()
    results.clientSummary = reportTestpmdClient(results.clientWindows)
  }
  save(options.json, results)
})
