/** Reads and writes blocks of a remote file at random places, each worker one request after the other. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { DelayCounts, type DelayReport } from './delay-counts.js'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'
import { randomNumbers } from './random.js'

export interface FileClientSettings {
  readonly address: string
  readonly port: number
  readonly fileBytes: number
  readonly blockBytes: number
  /** Part of the requests that read. */
  readonly readShare: number
  readonly concurrency: number
  readonly seed: number
}

export interface FileReport extends DelayReport {
  readonly seconds: number
  readonly reads: number
  readonly writes: number
  readonly errors: number
  readonly lastError: string
}

/** Before a request that failed is followed by the next. */
const RETRY_MS = 10

const settings = settingsOf<FileClientSettings>()
const counts = new DelayCounts()
let fromMs = Number.POSITIVE_INFINITY
let toMs = Number.POSITIVE_INFINITY
let reads = 0
let writes = 0
let errors = 0
let lastError = ''

/** One request; settles with the body when all of it is there. */
function ask(agent: Agent, block: number, body: Buffer | undefined): Promise<Buffer> {
  const { address, port, blockBytes, fileBytes } = settings
  const first = block * blockBytes
  const span = `${first}-${first + blockBytes - 1}`
  const headers = body
    ? { 'content-range': `bytes ${span}/${fileBytes}`, 'content-length': blockBytes }
    : { range: `bytes=${span}` }
  return new Promise((resolve, reject) => {
    const method = body ? 'PUT' : 'GET'
    const asked = request({ host: address, port, path: '/file', method, headers, agent }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === (body ? 204 : 206)) resolve(Buffer.concat(parts))
        else reject(new Error(`${method} of ${span} was answered with status ${response.statusCode}`))
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

async function transfer(agent: Agent, block: number, body: Buffer | undefined): Promise<void> {
  body?.writeUInt32LE(block)
  const answer = await ask(agent, block, body)
  if (body) return
  if (answer.length !== settings.blockBytes || answer.readUInt32LE() !== block)
    throw new Error(`block ${block} came with ${answer.length} bytes of another place`)
}

async function work(random: () => number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const payload = Buffer.alloc(settings.blockBytes, 'write ')
  const blocks = settings.fileBytes / settings.blockBytes
  while (nowMs() < toMs) {
    const block = Math.floor(random() * blocks)
    const read = random() < settings.readShare
    const sinceMs = nowMs()
    try {
      await transfer(agent, block, read ? undefined : payload)
    } catch (error) {
      lastError = (error as Error).message
      if (nowMs() >= fromMs && nowMs() < toMs) errors++
      await sleep(RETRY_MS)
      continue
    }
    const now = nowMs()
    if (now < fromMs || now >= toMs) continue
    counts.add((now - sinceMs) * 1000)
    if (read) reads++
    else writes++
  }
}

async function measure({ warmUpS, measureS }: Orders): Promise<FileReport> {
  fromMs = nowMs() + warmUpS * 1000
  toMs = fromMs + measureS * 1000
  for (let i = 0; i < settings.concurrency; i++) void work(randomNumbers(settings.seed * 1000 + i))
  // Not until all workers have ended: an answer that never comes must not hold up the result.
  await sleep(toMs - nowMs())
  if (reads + writes === 0)
    throw new Error(`${settings.address} answered nothing: ${lastError || 'no answer'}`)
  return { ...counts.report(), seconds: measureS, reads, writes, errors, lastError }
}

void obey(measure)
