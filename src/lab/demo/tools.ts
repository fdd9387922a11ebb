/** The two programs that measure inside a guest: iperf3 and ping. */
import { RingferryError } from '../../errors/errors.js'
import type { Guest } from '../guest/spec.js'

const MEGABIT = 1e6
const US_PER_MS = 1000
const TRIES = 5
const RETRY_S = 0.5

/** Mean round trip time in microseconds from the summary of ping (iputils or busybox); undefined without one. */
export function parsePing(text: string): number | undefined {
  const match = /(?:rtt|round-trip) min\/avg\/max(?:\/mdev)? = [\d.]+\/([\d.]+)\//.exec(text)
  return match ? Number(match[1]) * US_PER_MS : undefined
}

/** Megabits a second at the receiver from the JSON of iperf3, or its error. */
export function parseIperf(text: string): { readonly mbps: number } | { readonly error: string } {
  try {
    const data = JSON.parse(text) as {
      error?: string
      end?: { sum_received?: { bits_per_second?: number } }
    }
    const bits = data.end?.sum_received?.bits_per_second
    if (data.error === undefined && bits !== undefined) return { mbps: bits / MEGABIT }
    return { error: data.error ?? 'no result' }
  } catch {
    return { error: text.trim().split('\n')[0] || 'no output' }
  }
}

/** Sends some echo requests. Returns the mean round trip time in microseconds. Throws GUEST. */
export async function ping(guest: Guest, address: string): Promise<number> {
  const { stdout, stderr } = await guest.run(
    `p=$(command -v ping) || p='busybox ping'; $p -q -c 3 -W 2 ${address}; $p -q -c 10 -i 0.1 ${address}`,
  )
  const last = stdout.slice(stdout.lastIndexOf('PING'))
  const rttUs = parsePing(last)
  if (rttUs !== undefined) return rttUs
  const words = (stderr || stdout).trim().split('\n').at(-1)
  throw new RingferryError('GUEST', `guest ${guest.name}: ping ${address} got no answer (${words})`)
}

/**
 * One TCP connection for some seconds. Returns the goodput in Mb/s. Throws GUEST.
 * @param reverse whether the server sends
 */
export async function iperf(
  guest: Guest,
  server: string,
  seconds: number,
  reverse: boolean,
): Promise<number> {
  const command = `iperf3 -c ${server} -t ${seconds} --connect-timeout 3000 -J${reverse ? ' -R' : ''}`
  let trouble = ''
  for (let tries = 0; tries < TRIES; tries++) {
    const result = await guest.run(command, { timeoutMs: (seconds + 20) * US_PER_MS })
    const outcome = parseIperf(result.stdout || result.stderr)
    if ('mbps' in outcome) return outcome.mbps
    trouble = outcome.error
    // The server may not listen yet, or still clear away the run before.
    await guest.run(`sleep ${RETRY_S}`)
  }
  throw new RingferryError('GUEST', `guest ${guest.name}: iperf3 to ${server} failed: ${trouble}`)
}
