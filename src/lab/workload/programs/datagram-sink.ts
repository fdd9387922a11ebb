/**
 * Receives the numbered datagrams of an embedded generator (src/embedded/frames.ts) where a guest has a kernel: counts those
 * that reach a program, and what is missing between the first and the last of the window.
 *
 *    payload   0        2         4          8
 *              epoch    stream    sequence   intended time
 */
import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface DatagramSinkSettings {
  readonly address: string
  readonly port: number
  /** An address of the same network that nobody has: asking for it tells the switch where this guest is. */
  readonly nobody: string
}

export interface DatagramSinkReport {
  readonly received: number
  /** UDP payload. */
  readonly receivedBytes: number
  readonly lost: number
  readonly seconds: number
}

const SEQUENCE_AT = 4
const LEAST_BYTES = 8

const settings = settingsOf<DatagramSinkSettings>()
let received = 0
let receivedBytes = 0
let first = -1
let last = -1

const socket = createSocket({
  type: 'udp4',
  // Addresses only: without this each datagram goes through the resolver.
  lookup: (host, _options, done) => done(null, host, 4),
})
socket.on('message', (data) => {
  if (data.length < LEAST_BYTES) return
  last = data.readUInt32BE(SEQUENCE_AT)
  if (first < 0) first = last
  received++
  receivedBytes += data.length
})

async function measure({ warmUpS, measureS }: Orders): Promise<DatagramSinkReport> {
  await sleep(warmUpS * 1000)
  received = 0
  receivedBytes = 0
  first = -1
  const startMs = nowMs()
  await sleep(measureS * 1000)
  const seconds = (nowMs() - startMs) / 1000
  const lost = first < 0 ? 0 : Math.max(0, last - first + 1 - received)
  return { received, receivedBytes, lost, seconds }
}

socket.bind(settings.port, settings.address, () => {
  socket.send('', settings.port, settings.nobody, () => void obey(measure))
})
