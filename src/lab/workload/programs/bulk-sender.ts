/** Sends to whoever connects, as fast as TCP takes it: the sending end of `bulk` where there is no iperf3. */
import { createServer } from 'node:net'
import { sayReady, settingsOf } from './orders.js'

export interface BulkSenderSettings {
  readonly address: string
  readonly port: number
}

const CHUNK_BYTES = 128 << 10

const { address, port } = settingsOf<BulkSenderSettings>()
const chunk = Buffer.alloc(CHUNK_BYTES, 'b')

const server = createServer((socket) => {
  const fill = (): void => {
    while (socket.write(chunk));
  }
  socket.on('drain', fill)
  // Nobody sends to us; read on, so that the end is seen.
  socket.resume()
  socket.on('error', () => socket.destroy())
  fill()
})
server.listen(port, address, sayReady)
