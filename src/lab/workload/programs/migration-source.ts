/**
 * The machine a VM moves away from: migrates an image of its memory again and again. The first migration that began
 * in the window is carried to its end even when the window is over before; later ones are given up then.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DirtyModel, dirtyBytes, mustStop, type StopRule } from './migration-rounds.js'
import { nowMs, type Orders, obey, settingsOf } from './orders.js'

export interface MigrationSourceSettings extends DirtyModel, StopRule {
  readonly address: string
  readonly port: number
}

/** One migration. */
export interface Migration {
  /** Seconds from the order to begin to its end. */
  readonly endS: number
  readonly totalS: number
  readonly downtimeS: number
  /** Before the VM stops. */
  readonly rounds: number
  readonly sentBytes: number
}

export interface MigrationReport {
  readonly migrations: readonly Migration[]
  /** How long the measurement went on after the window, for the first migration to end. */
  readonly overrunS: number
}

const CHUNK_BYTES = 256 << 10

const settings = settingsOf<MigrationSourceSettings>()
const memory = Buffer.alloc(CHUNK_BYTES, 'page ')

/** Sends one round and waits until the target has all of it. Returns its seconds. */
async function sendRound(socket: Socket, bytes: number): Promise<number> {
  const beginMs = nowMs()
  const answered = once(socket, 'data')
  answered.catch(() => {})
  const header = Buffer.alloc(8)
  header.writeBigUInt64BE(BigInt(bytes))
  socket.write(header)
  for (let missing = bytes; missing > 0; missing -= CHUNK_BYTES) {
    const chunk = missing < CHUNK_BYTES ? memory.subarray(0, missing) : memory
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  await answered
  return (nowMs() - beginMs) / 1000
}

async function migrate(socket: Socket, orderMs: number): Promise<Migration> {
  const beginMs = nowMs()
  await once(socket, 'connect')
  let remaining = settings.memoryBytes
  let sentBytes = 0
  let rounds = 0
  let bytesPerS = 0
  do {
    const seconds = await sendRound(socket, remaining)
    sentBytes += remaining
    rounds++
    bytesPerS = remaining / seconds
    remaining = dirtyBytes(settings, seconds)
  } while (!mustStop(settings, rounds, remaining, bytesPerS))
  const downtimeS = await sendRound(socket, remaining)
  sentBytes += remaining
  const now = nowMs()
  return { endS: (now - orderMs) / 1000, totalS: (now - beginMs) / 1000, downtimeS, rounds, sentBytes }
}

/** One migration, or undefined when it was given up at `untilMs`. */
async function migrateUntil(untilMs: number, orderMs: number): Promise<Migration | undefined> {
  const { address, port } = settings
  const socket = connect({ host: address, port, noDelay: true })
  const migration = migrate(socket, orderMs)
  const lost = once(socket, 'close').then((): never => {
    throw new Error(`the connection to ${address} broke`)
  })
  for (const promise of [migration, lost]) promise.catch(() => {})
  const rivals: Promise<Migration | undefined>[] = [migration, lost]
  if (Number.isFinite(untilMs)) rivals.push(sleep(Math.max(0, untilMs - nowMs()), undefined))
  try {
    return await Promise.race(rivals)
  } finally {
    socket.destroy()
  }
}

async function measure({ warmUpS, measureS }: Orders): Promise<MigrationReport> {
  const orderMs = nowMs()
  const fromMs = orderMs + warmUpS * 1000
  while (nowMs() < fromMs) await migrateUntil(fromMs, orderMs)
  const toMs = nowMs() + measureS * 1000
  const migrations: Migration[] = []
  while (nowMs() < toMs) {
    const done = await migrateUntil(migrations.length === 0 ? Number.POSITIVE_INFINITY : toMs, orderMs)
    if (done) migrations.push(done)
  }
  return { migrations, overrunS: Math.max(0, (nowMs() - toMs) / 1000) }
}

void obey(measure)
