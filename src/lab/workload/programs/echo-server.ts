/** The served end of request-response and latency: sends back what comes. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { sayReady, settingsOf } from './orders.js'

export interface EchoSettings {
  /** `rr`: TCP; `crr`: TCP, hangs up after each answer; `udp`. */
  readonly mode: 'rr' | 'crr' | 'udp'
  readonly address: string
  readonly port: number
  /** crr: length of a request. */
  readonly bytes: number
}

const settings = settingsOf<EchoSettings>()

function serveTcp(): void {
  const server = createServer({ noDelay: true }, (socket) => {
    let missing = settings.bytes
    socket.on('data', (data) => {
      socket.write(data)
      missing -= data.length
      // The server hangs up first: it keeps the closing state, so that the client's ports never run out.
      if (settings.mode === 'crr' && missing <= 0) socket.end()
    })
    socket.on('error', () => socket.destroy())
  })
  server.listen({ port: settings.port, host: settings.address, backlog: 1024 }, sayReady)
}

function serveUdp(): void {
  const socket = createSocket({
    type: 'udp4',
    // Addresses only: without this each answer goes through the resolver.
    lookup: (host, _options, done) => done(null, host, 4),
  })
  // Bytes 4 and 5 of a probe name the port that waits for the answer; see prober.ts.
  socket.on('message', (probe, from) => {
    if (probe.length >= 6) socket.send(probe, probe.readUInt16LE(4), from.address, () => {})
  })
  socket.bind(settings.port, settings.address, sayReady)
}

if (settings.mode === 'udp') serveUdp()
else serveTcp()
