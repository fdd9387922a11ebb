/**
 * Where sweeps of many machines meet: a queue of BullMQ on Redis. Nothing of either is loaded before a queue is named.
 * A server that is away is said once, waited for, and said again when it is back.
 */
import type { Redis } from 'ioredis'
import { RingferryError } from '../errors/errors.js'
import { ringferryVersion } from '../sys/version.js'
import type { SweepPoint } from './sweep-points.js'

/** What a job carries. */
export interface QueuedPoint {
  readonly point: SweepPoint
  readonly seed: number
}

/** Of the queue: other versions may compute other figures. */
export const queueName = (): string => `ringferry-sim-${ringferryVersion()}`
export const JOB = 'point'

/** Between two attempts to reach the server: longer each time, up to this, in milliseconds. */
const MOST_RETRY_MS = 2000
/** What no waiting mends. Source: Redis ACL, error prefixes. */
const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid (username-)?password/i

/** A URL as it may be shown: without its password. */
function shown(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}

/** Throws USAGE for what is no address of a Redis server. */
export function checkQueueUrl(url: string): string {
  const isSocket = /^unix:\/./.test(url)
  if (isSocket || (/^rediss?:\/\/[^/]/.test(url) && URL.canParse(url))) return url
  throw new RingferryError(
    'USAGE',
    `--queue: "${shown(url)}" is no address of a Redis server; write redis://HOST:6379, rediss://HOST or unix:/PATH`,
  )
}

/** Connections to one server. */
export class QueueConnection {
  readonly url: string
  readonly #say: (text: string) => void
  #fail: (error: Error) => void = () => {}
  /** Rejects with what no waiting mends; never resolves. */
  readonly failed: Promise<never>
  readonly #all: Redis[] = []
  #isAway = false

  /** @param say tells people */
  constructor(url: string, say: (text: string) => void) {
    this.url = checkQueueUrl(url)
    this.#say = say
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
  }

  async open(): Promise<Redis> {
    const { Redis } = await import('ioredis')
    const options = {
      // Commands wait for the server as long as it takes.
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(MOST_RETRY_MS, times * 100),
      enableReadyCheck: true,
    }
    const redis = this.url.startsWith('unix:')
      ? new Redis({ ...options, path: this.url.slice('unix:'.length) })
      : new Redis(this.url, options)
    redis.on('error', (error) => this.#lost(error))
    redis.on('close', () => this.#lost(new Error('connection closed')))
    redis.on('ready', () => this.#found())
    this.#all.push(redis)
    return redis
  }

  #lost(error: Error): void {
    if (REFUSED.test(error.message)) {
      this.#fail(
        new RingferryError(
          'PERMISSION',
          `${shown(this.url)}: refuses us (${error.message}); put user and password into the URL: redis://USER:PASSWORD@HOST`,
        ),
      )
      return
    }
    if (this.#isAway || this.#all.length === 0) return
    this.#isAway = true
    const { code } = error as NodeJS.ErrnoException
    this.#say(`${shown(this.url)}: Redis is away (${code ?? error.message}); waiting for it`)
  }

  #found(): void {
    if (!this.#isAway) return
    this.#isAway = false
    this.#say(`${shown(this.url)}: Redis is back; going on`)
  }

  /** Ends all connections at once: what is under way is done by nobody. */
  close(): void {
    for (const redis of this.#all.splice(0)) redis.disconnect()
  }
}

/** Whether a model needs a file of the machine that it was written on. */
export function namesFile({ data }: SweepPoint): boolean {
  const traffic = (data as { traffic?: unknown }).traffic
  return (
    Array.isArray(traffic) &&
    traffic.some((entry) => (entry as { arrivals?: { kind?: unknown } } | null)?.arrivals?.kind === 'trace')
  )
}
