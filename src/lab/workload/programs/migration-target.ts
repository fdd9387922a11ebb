/** The machine a VM moves to: takes rounds (8 bytes of length, then so many bytes) and answers each with one byte. */
import { createServer } from 'node:net'
import { sayReady, settingsOf } from './orders.js'

export interface MigrationTargetSettings {
  readonly address: string
  readonly port: number
}

const HEADER_BYTES = 8
const { address, port } = settingsOf<MigrationTargetSettings>()

const server = createServer({ noDelay: true }, (socket) => {
  let header = Buffer.alloc(0)
  let missing = 0
  socket.on('data', (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (missing > 0) {
        const taken = Math.min(missing, chunk.length - at)
        missing -= taken
        at += taken
      } else {
        const taken = Math.min(HEADER_BYTES - header.length, chunk.length - at)
        header = Buffer.concat([header, chunk.subarray(at, at + taken)])
        at += taken
        if (header.length < HEADER_BYTES) continue
        missing = Number(header.readBigUInt64BE())
        header = Buffer.alloc(0)
      }
      if (missing === 0) socket.write('.')
    }
  })
  // The source gives a migration up when the window is over.
  socket.on('error', () => socket.destroy())
})
server.listen(port, address, sayReady)
