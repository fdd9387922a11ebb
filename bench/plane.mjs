// Nanoseconds that the plane takes for a frame when all lines are in its own cache: generator, plane and sink
// in one thread. The lower bound of what the switch can do; bench/pps.mjs measures it between processors.
//
//   node bench/plane.mjs [--json FILE]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { EmbeddedGuest } from '../dist/embedded/guest.js'
import { Engine } from '../dist/engine/engine.js'
import { median } from '../dist/stats/summary.js'
import { socketPair } from '../dist/sys/unix-socket.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../dist/virtio/virtio.js'
import { describe } from './lib/machine.mjs'

const { values } = parseArgs({ options: { json: { type: 'string' } } })
const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const [ROUNDS, BURSTS, BURST] = [15, 20_000, 32]

function frame(bytes, to, from) {
  const data = new Uint8Array(bytes)
  data.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5])
  return data
}

/** Nanoseconds per frame, one figure a round. */
function measure(bytes) {
  const engine = new Engine({ memoryBytes: 256 * 2 ** 20 })
  const attach = (name) => {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name, fd: ours })
    return new EmbeddedGuest(theirs, {
      pump: () => engine.step(),
      features: FEATURES,
      txSlotBytes: 2048,
      memory: 16 * 2 ** 20,
    })
  }
  const [source, sink] = [attach('source'), attach('sink')]
  sink.driver.send(frame(60, 1, 2))
  engine.step()
  source.driver.prepareTx([frame(bytes, 2, 1)])
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    let frames = 0
    let ms = 0
    for (let burst = 0; burst < BURSTS; burst++) {
      source.driver.sendPrepared(BURST)
      const start = performance.now()
      frames += engine.plane.poll(0, 64)
      ms += performance.now() - start
      sink.driver.drainRx(false)
    }
    rounds.push((ms * 1e6) / frames)
  }
  source.close()
  sink.close()
  engine.close()
  return rounds
}

const machine = describe()
console.log(
  `${machine.date}  ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`,
)
console.log('bytes  ns a frame: best  median')
const rows = []
for (const bytes of [64, 256, 1500]) {
  const rounds = measure(bytes)
  rows.push({ bytes, rounds })
  console.log(
    `${String(bytes).padStart(5)}  ${Math.min(...rounds)
      .toFixed(1)
      .padStart(16)}  ${median(rounds).toFixed(1).padStart(6)}`,
  )
}
if (values.json) writeFileSync(values.json, JSON.stringify({ machine, rows }))
