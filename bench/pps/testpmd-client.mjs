// Part b: testpmd's flowgen on virtio_user as a client that knows nothing of either switch, both directions at once.
// Its own limit is near; windows of about two seconds alternate, rates are read at the switch.
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { only, startFlowgen } from '../lib/switches.mjs'

export const CLIENT_WINDOW_MS = 2000
const CLIENT_SETTLE_MS = 300

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

/**
 * Windows of all switches in turn.
 * @param {number[]} sizes of frames in bytes
 * @param {number} rounds windows of each switch and size
 * @param {number} cpu of the client
 */
export async function testpmdClient(switches, sizes, rounds, cpu) {
  const windows = []
  for (const bytes of sizes) {
    const clients = []
    for (const target of switches) {
      progress(`${bytes} bytes: testpmd as a client of ${target.name}`)
      only(switches, target)
      const client = await startFlowgen({ cpu, sockets: target.sockets, bytes, name: target.name })
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

/** Prints the medians of the windows. Returns them. */
export function reportTestpmdClient(windows, sizes) {
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
