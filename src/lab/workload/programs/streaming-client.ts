/**
 * Players of media flows, one connection each. A segment's delay counts from the moment it was due to be asked for:
 * a late answer does not hide the wait of the next one. Players start spread over one segment.
 */
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { DelayCounts, type DelayReport } from './delay-counts.js'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'
import { jitter, Playout, type PlayoutCount } from './streaming-playout.js'

export interface StreamingClientSettings {
  readonly address: string
  readonly port: number
  readonly flows: number
  readonly segmentBytes: number
  readonly segmentS: number
  readonly bufferS: number
}

export interface StreamingReport extends DelayReport {
  /** Length of the measured window as it was. */
  readonly seconds: number
  readonly bytes: number
  readonly rebuffers: number
  /** Of all flows together. */
  readonly stalledS: number
  /** Mean over flows; null when no flow had two segments. */
  readonly jitterUs: number | null
  readonly errors: number
  readonly lastError: string
}

/** Before a segment that failed is asked for again. */
const RETRY_MS = 50

const settings = settingsOf<StreamingClientSettings>()
const counts = new DelayCounts()
let measuring = false
let over = false
let bytes = 0
let errors = 0
let lastError = ''

/** Gets one segment; settles when all of it is there. */
function fetchSegment(agent: Agent): Promise<void> {
  const { address, port, segmentBytes } = settings
  return new Promise((resolve, reject) => {
    const request = get({ host: address, port, path: `/${segmentBytes}`, agent }, (response) => {
      let missing = segmentBytes
      response.on('data', (chunk: Buffer) => {
        missing -= chunk.length
        if (measuring) bytes += chunk.length
      })
      response.on('end', () =>
        missing === 0 ? resolve() : reject(new Error(`a segment of status ${response.statusCode} was short`)),
      )
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

class Flow {
  readonly #playout: Playout
  readonly #transitsUs: number[] = []

  constructor(nowS: number) {
    this.#playout = new Playout(settings.segmentS, settings.bufferS, nowS)
  }

  async play(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let dueMs = nowMs()
    while (!over) {
      await sleep(Math.max(0, dueMs - nowMs()))
      try {
        await fetchSegment(agent)
      } catch (error) {
        lastError = (error as Error).message
        if (measuring) errors++
        await sleep(RETRY_MS)
        continue
      }
      const now = nowMs()
      if (measuring) {
        const transitUs = (now - dueMs) * 1000
        this.#transitsUs.push(transitUs)
        counts.add(transitUs)
      }
      this.#playout.arrive(now / 1000)
      dueMs = this.#playout.dueS * 1000
    }
  }

  count(): PlayoutCount {
    return this.#playout.count(nowMs() / 1000)
  }

  get jitterUs(): number | undefined {
    return jitter(this.#transitsUs)
  }
}

async function measure({ warmUpS, measureS }: Orders): Promise<StreamingReport> {
  const beginMs = nowMs()
  const flows: Flow[] = []
  for (let i = 0; i < settings.flows; i++)
    setTimeout(
      () => {
        if (over) return
        const flow = new Flow(nowMs() / 1000)
        flows.push(flow)
        void flow.play()
      },
      (i * settings.segmentS * 1000) / settings.flows,
    )
  await sleep(warmUpS * 1000)
  const fromMs = nowMs()
  const before = new Map(flows.map((flow) => [flow, flow.count()]))
  measuring = true
  await sleep(Math.max(0, (warmUpS + measureS) * 1000 - (fromMs - beginMs)))
  measuring = false
  over = true
  const seconds = (nowMs() - fromMs) / 1000
  let rebuffers = 0
  let stalledS = 0
  for (const flow of flows) {
    const now = flow.count()
    const then = before.get(flow) ?? { rebuffers: 0, stalledS: 0 }
    rebuffers += now.rebuffers - then.rebuffers
    stalledS += now.stalledS - then.stalledS
  }
  if (bytes === 0) throw new Error(`no media came from ${settings.address}: ${lastError || 'no answer'}`)
  const jitters = flows.map((flow) => flow.jitterUs).filter((value) => value !== undefined)
  const jitterUs = jitters.length === 0 ? null : jitters.reduce((sum, one) => sum + one, 0) / jitters.length
  return { ...counts.report(), seconds, bytes, rebuffers, stalledS, jitterUs, errors, lastError }
}

void obey(measure)
