/**
 * The asking end of request-response. Closed loop: a connection asks again when it was answered (`rr`), or opens
 * the next connection when the last is over (`crr`). The delay is from the request (crr: from the start of the
 * connection) to the last byte of the answer (crr: to the end of the connection).
 */
import { connect, type Socket } from 'node:net'
import { DelayCounts, type DelayReport } from './delay-counts.js'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface AskerSettings {
  readonly mode: 'rr' | 'crr'
  readonly from: string
  readonly address: string
  readonly port: number
  /** Of the request and of the answer. */
  readonly bytes: number
  readonly connections: number
}

export interface AskerReport extends DelayReport {
  readonly errors: number
  readonly lastError: string
}

/** A crr connection that cannot be opened is tried again after this time. */
const RETRY_MS = 10

const settings = settingsOf<AskerSettings>()
const request = Buffer.alloc(settings.bytes, 'r')
const counts = new DelayCounts()
const sockets = new Set<Socket>()
let fromMs = 0
let toMs = 0
let errors = 0
let lastError = ''

function answered(sinceMs: number): void {
  const now = nowMs()
  if (now >= fromMs && now < toMs) counts.add((now - sinceMs) * 1000)
}

function failed(error: Error): void {
  lastError = error.message
  if (nowMs() >= fromMs && nowMs() < toMs) errors++
}

function open(): Socket {
  const { address, port, from } = settings
  const socket = connect({ host: address, port, localAddress: from, noDelay: true })
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  return socket
}

/** Asks on one connection for ever; a connection that breaks ends the measurement. */
function askAgain(fail: (error: Error) => void): void {
  const socket = open()
  let sinceMs = 0
  let missing = 0
  const ask = (): void => {
    missing = settings.bytes
    sinceMs = nowMs()
    socket.write(request)
  }
  socket.on('connect', ask)
  socket.on('data', (data) => {
    missing -= data.length
    if (missing > 0) return
    answered(sinceMs)
    ask()
  })
  socket.on('error', fail)
  socket.on('end', () => fail(new Error(`${settings.address} hung up`)))
}

/** One connection after the other, for ever. */
function connectAgain(): void {
  const sinceMs = nowMs()
  let missing = settings.bytes
  let broken = false
  const socket = open()
  socket.on('connect', () => socket.write(request))
  socket.on('data', (data) => {
    missing -= data.length
  })
  socket.on('error', (error) => {
    broken = true
    failed(error)
  })
  socket.on('close', () => {
    if (nowMs() >= toMs) return
    if (broken) setTimeout(connectAgain, RETRY_MS)
    else {
      if (missing <= 0) answered(sinceMs)
      else failed(new Error(`${settings.address} hung up without an answer`))
      connectAgain()
    }
  })
}

function measure(orders: Orders): Promise<AskerReport> {
  fromMs = nowMs() + orders.warmUpS * 1000
  toMs = fromMs + orders.measureS * 1000
  return new Promise((resolve, reject) => {
    for (let i = 0; i < settings.connections; i++)
      if (settings.mode === 'rr') askAgain(reject)
      else connectAgain()
    setTimeout(() => {
      const report = counts.report()
      if (report.count > 0) resolve({ ...report, errors, lastError })
      else reject(new Error(`${settings.address} answered nothing: ${lastError || 'no reply'}`))
    }, toMs - nowMs())
  })
}

void obey(measure)
