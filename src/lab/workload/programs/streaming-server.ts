/** Serves media segments over HTTP: GET /N answers with N bytes. */
import { createServer } from 'node:http'
import { sayReady, settingsOf } from './orders.js'

export interface StreamingServerSettings {
  readonly address: string
  readonly port: number
  /** The largest segment. */
  readonly maxBytes: number
}

const { address, port, maxBytes } = settingsOf<StreamingServerSettings>()
const media = Buffer.alloc(maxBytes, 'media ')

const server = createServer((request, response) => {
  const bytes = Number(request.url?.slice(1))
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > maxBytes) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': bytes })
  response.end(media.subarray(0, bytes))
})
// Players keep their connection while their buffer is full.
server.keepAliveTimeout = 0
server.listen(port, address, sayReady)
