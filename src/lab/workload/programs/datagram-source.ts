/**
 * Sends numbered datagrams from a guest with a kernel, as an embedded generator does (src/embedded/frames.ts): bursts at times
 * that wait for nothing. Between bursts it sleeps; how exact it wakes is the guest's matter.
 */
import { createSocket } from 'node:dgram'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface DatagramSourceSettings {
  readonly from: string
  readonly address: string
  readonly port: number
  /** UDP payload, 16 at least: epoch, stream, sequence and intended time. */
  readonly bytes: number
  readonly rateFps: number
  readonly burstFrames: number
}

export interface DatagramSourceReport {
  readonly sent: number
  readonly sentBytes: number
  readonly sendErrors: number
  readonly seconds: number
}

const SEQUENCE_AT = 4

const { from, address, port, bytes, rateFps, burstFrames } = settingsOf<DatagramSourceSettings>()
const socket = createSocket('udp4')
let sent = 0
let sequence = 0
let sendErrors = 0
socket.on('error', () => {
  sendErrors++
})

async function sendUntil(startMs: number, endMs: number): Promise<void> {
  const stepMs = (burstFrames * 1000) / rateFps
  for (let dueMs = startMs; dueMs < endMs; dueMs += stepMs) {
    const waitMs = dueMs - nowMs()
    if (waitMs > 0) await sleep(waitMs)
    for (let frame = 0; frame < burstFrames; frame++) {
      const datagram = Buffer.alloc(bytes)
      datagram.writeUInt32BE(sequence++, SEQUENCE_AT)
      socket.send(datagram)
      sent++
    }
    await nextTurn()
  }
}

async function measure({ warmUpS, measureS }: Orders): Promise<DatagramSourceReport> {
  const fromMs = nowMs() + warmUpS * 1000
  await sendUntil(nowMs(), fromMs)
  const startMs = nowMs()
  sent = 0
  await sendUntil(fromMs, fromMs + measureS * 1000)
  const seconds = (nowMs() - startMs) / 1000
  return { sent, sentBytes: sent * bytes, sendErrors, seconds }
}

socket.bind(0, from, () => {
  socket.connect(port, address, () => void obey(measure))
})
