/**
 * Sends UDP probes to an echo at times drawn before and measures how long after its due time each comes back.
 * A thread of its own sends, asleep between probes, because Node's timers are coarser than the gaps; the first
 * thread waits for the answers on a socket of its own, whose port each probe names in bytes 4 and 5.
 */
import { createSocket } from 'node:dgram'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { OpenLoopLog, type OpenLoopReport, poissonTimes } from './open-loop.js'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface ProberSettings {
  readonly from: string
  readonly address: string
  readonly port: number
  /** UDP payload, at least 8. */
  readonly bytes: number
  readonly rateFps: number
  readonly seed: number
}

/** Of the sending thread: how long after their due times probes left. */
interface SenderReport {
  readonly meanLateUs: number
  readonly maxLateUs: number
  readonly sendErrors: number
}

export interface ProberReport extends OpenLoopReport, SenderReport {}

/** From the order to the first probe. */
const LEAD_MS = 20
/** Answers are waited for this long after the last probe: GRACE_S of delays.ts, which a guest program cannot import. */
const GRACE_MS = 1000
/** The kernel wakes a sleeper about this late: the rest is spun. */
const SPIN_MS = 0.06
/** Sends between two turns of the thread's event loop. */
const TURN = 64

interface SenderData {
  readonly settings: ProberSettings
  readonly replyPort: number
}
interface Schedule {
  readonly dueMs: Float64Array
}

async function send({ settings, replyPort }: SenderData, { dueMs }: Schedule): Promise<SenderReport> {
  const socket = createSocket('udp4')
  let sendErrors = 0
  socket.on('error', () => {
    sendErrors++
  })
  await new Promise<void>((resolve) => socket.bind(0, settings.from, resolve))
  await new Promise<void>((resolve) => socket.connect(settings.port, settings.address, () => resolve()))
  const cell = new Int32Array(new SharedArrayBuffer(4))
  let sumLateMs = 0
  let maxLateMs = 0
  for (const [number, due] of dueMs.entries()) {
    for (let waitMs = due - nowMs(); waitMs > 0; waitMs = due - nowMs())
      if (waitMs > SPIN_MS) Atomics.wait(cell, 0, 0, waitMs - SPIN_MS)
    const probe = Buffer.alloc(settings.bytes)
    probe.writeUInt32LE(number, 0)
    probe.writeUInt16LE(replyPort, 4)
    const lateMs = nowMs() - due
    sumLateMs += lateMs
    maxLateMs = Math.max(maxLateMs, lateMs)
    socket.send(probe)
    if (number % TURN === TURN - 1) await nextTurn()
  }
  await nextTurn()
  socket.close()
  return {
    meanLateUs: (sumLateMs * 1000) / Math.max(1, dueMs.length),
    maxLateUs: maxLateMs * 1000,
    sendErrors,
  }
}

async function main(): Promise<void> {
  const settings = settingsOf<ProberSettings>()
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, settings.from, resolve))
  const data: SenderData = { settings, replyPort: socket.address().port }
  const sender = new Worker(new URL(import.meta.url), { workerData: data })
  await new Promise((resolve) => sender.once('message', resolve))

  await obey(async (orders: Orders): Promise<ProberReport> => {
    const totalMs = (orders.warmUpS + orders.measureS) * 1000
    const startMs = nowMs() + LEAD_MS
    const dueMs = poissonTimes(settings.rateFps, totalMs, settings.seed).map((at) => startMs + at)
    const log = new OpenLoopLog(dueMs, startMs + orders.warmUpS * 1000, startMs + totalMs)
    socket.on('message', (answer) => {
      if (answer.length >= 6) log.answered(answer.readUInt32LE(0), nowMs())
    })
    const sent = new Promise<SenderReport>((resolve, reject) => {
      sender.once('message', resolve)
      sender.once('error', reject)
    })
    sender.postMessage({ dueMs })
    const report = await sent
    for (const endMs = nowMs() + GRACE_MS; log.waiting > 0 && nowMs() < endMs; ) await sleep(5)
    return { ...log.report(), ...report }
  })
}

if (isMainThread) void main()
else {
  parentPort?.once('message', async (schedule: Schedule) => {
    parentPort?.postMessage(await send(workerData as SenderData, schedule))
  })
  parentPort?.postMessage('ready')
}
