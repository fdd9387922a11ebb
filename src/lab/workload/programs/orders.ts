/**
 * How the lab talks with a program of its own inside a VM (src/lab/workload/program.ts is the other end):
 *
 *   argument 1          settings, JSON
 *   standard output     {"ready":true}, later {"result":...}: a line each
 *   standard input      {"warmUpS":1,"measureS":4}: begin now
 *
 * So everything that takes long (starting Node in an emulated guest) is over when the window begins.
 */
import { createInterface } from 'node:readline'

export interface Orders {
  readonly warmUpS: number
  readonly measureS: number
}

/** The settings of this program. From here on an error that nobody expects ends it with one line, not with a trace. */
export function settingsOf<T>(): T {
  process.on('uncaughtException', fail)
  return JSON.parse(process.argv[2] ?? '{}') as T
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** A server: listens from now on and is ended by a signal. */
export function sayReady(): void {
  say({ ready: true })
}

/** Says ready, waits for the order to begin, measures, prints what came of it and ends. */
export async function obey(measure: (orders: Orders) => Promise<object>): Promise<void> {
  sayReady()
  const lines = createInterface({ input: process.stdin })
  try {
    const line = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('error', reject)
    })
    say({ result: await measure(JSON.parse(line) as Orders) })
    process.exit(0)
  } catch (error) {
    fail(error)
  }
}

/** Milliseconds on the system's monotonic clock, the same in every thread. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
