/** The API as a page asks it: reads need no token, changes do. */
import type { DelayBucket } from '../daemon/api/routes/delays.js'
import type { EventAnswer } from '../daemon/api/routes/events.js'
import type { Live } from '../daemon/api/routes/live.js'
import type { PromiseAnswer } from '../daemon/api/routes/promises.js'
import type { TuneChangeBody } from '../daemon/api/routes/tuning.js'

export type { DelayBucket, EventAnswer, Live, PromiseAnswer, TuneChangeBody }
export type PortStatus = Live['ports'][number]
export type VifTuning = Live['tuning']['vifs'][number]

const TOKEN_KEY = 'ringferry-token'
const RETRY_MS = 2_000
const UNAUTHORIZED = 401

/** The switch refuses, or does not answer: why, in one line. */
export class Refusal extends Error {
  readonly needsToken: boolean

  constructor(message: string, needsToken: boolean) {
    super(message)
    this.needsToken = needsToken
  }
}

/** The token of this tab, until it is closed; empty: none. */
export const tokenOfTab = (): string => sessionStorage.getItem(TOKEN_KEY) ?? ''

export function keepToken(token: string): void {
  if (token === '') sessionStorage.removeItem(TOKEN_KEY)
  else sessionStorage.setItem(TOKEN_KEY, token)
}

async function ask(path: string, init: RequestInit, token: string): Promise<unknown> {
  const headers = new Headers(init.headers)
  if (token !== '') headers.set('authorization', `Bearer ${token}`)
  let response: Response
  let answer: { error?: { message?: string } }
  try {
    response = await fetch(path, { ...init, headers, cache: 'no-store' })
    answer = (await response.json()) as typeof answer
  } catch {
    throw new Refusal('The switch does not answer.', false)
  }
  if (response.ok) return answer
  throw new Refusal(answer.error?.message ?? `status ${response.status}`, response.status === UNAUTHORIZED)
}

/** Throws a Refusal unless a token is the right one: it asks for what only its holder may read. */
export async function checkToken(token: string): Promise<void> {
  await ask('/v1/config', {}, token)
}

/** The histogram of the delays of a port since it was added. */
export async function readDelays(port: string): Promise<readonly DelayBucket[]> {
  const { buckets } = (await ask(`/v1/ports/${encodeURIComponent(port)}/delays`, {}, '')) as {
    readonly buckets: readonly DelayBucket[]
  }
  return buckets
}

/** Changes targets, budget or policy. @param persist into the file of the start as well */
export async function changeTuning(body: TuneChangeBody, persist: boolean): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await ask(
    `/v1/tuning${persist ? '?persist=true' : ''}`,
    { method: 'PATCH', headers, body: JSON.stringify(body) },
    tokenOfTab(),
  )
}

export interface Follower<Message> {
  take(message: Message): void
  /** The connection is lost, and tried again. */
  lost(): void
}

/** Follows a stream of server-sent events for as long as the page is there. */
export function follow<Message>(url: string, follower: Follower<Message>): void {
  const source = new EventSource(url)
  source.addEventListener('message', ({ data }) => follower.take(JSON.parse(data as string) as Message))
  source.addEventListener('error', () => {
    follower.lost()
    // A browser tries again by itself unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(url, follower), RETRY_MS)
  })
}
