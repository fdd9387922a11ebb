// A guest that never connects a second time: it asks its switch something ten times a second, and ends when that hangs up.
// node guest.mjs SOCKET
import { setTimeout as sleep } from 'node:timers/promises'
import { GuestMemory, NetDriver, VhostUserFrontend } from '/usr/lib/ringferry/dist/index.js'

const VERSION_1 = 1n << 32n
const PROTOCOL_FEATURES = 1n << 30n
const REPLY_ACK = 1n << 3n
const ASK_MS = 100
/** Milliseconds that the switch may be away. */
const TRIES = 60_000

const frontend = new VhostUserFrontend(process.argv[2] ?? '', { tries: TRIES })
const memory = new GuestMemory(1 << 22)
const features = frontend.negotiate(VERSION_1 | PROTOCOL_FEATURES, REPLY_ACK)
const driver = new NetDriver(memory, { features })
driver.fillRx(2048)
frontend.start(memory, driver.rings)
console.log('started')
for (;;) {
  frontend.getFeatures()
  await sleep(ASK_MS)
}
