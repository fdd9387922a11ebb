/** Counts what comes on TCP connections, by intervals: the receiving end of `bulk` where there is no iperf3. */
import { connect } from 'node:net'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface BulkReceiverSettings {
  readonly from: string
  readonly address: string
  readonly port: number
  readonly connections: number
}

export interface BulkReceiverReport {
  /** Times in seconds since the order. */
  readonly intervals: { readonly startS: number; readonly endS: number; readonly bytes: number }[]
}

const INTERVAL_MS = 100

const settings = settingsOf<BulkReceiverSettings>()

async function measure({ warmUpS, measureS }: Orders): Promise<BulkReceiverReport> {
  const startMs = nowMs()
  let bytes = 0
  const intervals: BulkReceiverReport['intervals'] = []
  let lastS = 0
  const cut = (): void => {
    const endS = (nowMs() - startMs) / 1000
    intervals.push({ startS: lastS, endS, bytes })
    lastS = endS
    bytes = 0
  }
  const timer = setInterval(cut, INTERVAL_MS)
  await new Promise<void>((resolve, reject) => {
    for (let i = 0; i < settings.connections; i++) {
      const socket = connect({ host: settings.address, port: settings.port, localAddress: settings.from })
      socket.on('data', (data) => {
        bytes += data.length
      })
      socket.on('error', reject)
      socket.on('end', () => reject(new Error(`${settings.address} hung up`)))
    }
    setTimeout(resolve, (warmUpS + measureS) * 1000)
  })
  clearInterval(timer)
  cut()
  return { intervals }
}

void obey(measure)
