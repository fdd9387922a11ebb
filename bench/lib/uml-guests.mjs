// Two User-Mode Linux guests on a switch, and what measures inside them: iperf3.
import { bootGuest, cleanUp } from '../../dist/lab/guest/guest.js'
import { sleep, undoLater } from './cleanup.mjs'

const TRIES = 5
const GRACE_MS = 30_000

/**
 * Boots guests side by side, one NIC each, addresses 10.SUBNET.0.1 and following.
 * @param tag makes their names and addresses
 */
export async function bootGuests(tag, subnet, transports, memoryMb = 256) {
  // Also for guests that are half up when the bench is stopped.
  undoLater(cleanUp)
  const booted = await Promise.allSettled(
    transports.map(async (transport, index) => {
      const address = `10.${subnet}.0.${index + 1}`
      const mac = `52:54:00:${subnet.toString(16).padStart(2, '0')}:00:0${index + 1}`
      const guest = await bootGuest({
        ...{ name: `${tag}${index}`, kind: 'uml', memoryMb },
        nics: [{ transport, address: `${address}/24`, mac }],
      })
      undoLater(() => guest.stop())
      return { guest, address, mac }
    }),
  )
  for (const outcome of booted) if (outcome.status === 'rejected') throw outcome.reason
  return booted.map(({ value }) => value)
}

/** Starts a server in a guest and waits until it listens on a TCP port. Returns how to stop it. */
export async function startServer({ guest }, command = 'iperf3 -s', port = 5201) {
  const server = guest.start(command)
  const until = performance.now() + GRACE_MS
  const listens = `:${port.toString(16).toUpperCase().padStart(4, '0')} [0:]* 0A`
  while ((await guest.run(`cat /proc/net/tcp /proc/net/tcp6 | grep -q '${listens}'`)).code !== 0) {
    if (performance.now() > until) throw new Error(`guest ${guest.name}: "${command}" does not listen`)
    await sleep(100)
  }
  return () => server.stop().catch(() => {})
}

/** Runs an iperf3 client and returns what it reports. The server may still clear away the run before. */
export async function iperf({ guest }, server, seconds, options = '') {
  const command = `iperf3 -c ${server.address} -t ${seconds} --connect-timeout 3000 -J ${options}`
  let trouble = ''
  for (let tries = 0; tries < TRIES; tries++) {
    const { stdout, stderr } = await guest.run(command, { timeoutMs: seconds * 1000 + GRACE_MS })
    try {
      const data = JSON.parse(stdout)
      if (!data.error) return data
      trouble = data.error
    } catch {
      trouble = (stderr || stdout).trim().split('\n').at(-1)
    }
    await sleep(500)
  }
  throw new Error(`iperf3 from ${guest.name} to ${server.address}: ${trouble}`)
}

/** TCP: what the receiver got. */
export async function tcp(from, to, seconds, reverse = false) {
  const { end } = await iperf(from, to, seconds, reverse ? '-R' : '')
  return { mbps: end.sum_received.bits_per_second / 1e6, bytes: end.sum_received.bytes }
}

/**
 * UDP datagrams of 64 bytes, as fast as the sender can or at a rate: what the receiver got.
 * @param rateFps datagrams per second; 0 = no limit
 */
export async function smallUdp(from, to, seconds, rateFps = 0) {
  const bytes = 64
  const rate = rateFps > 0 ? Math.round(rateFps * bytes * 8) : 0
  const { end } = await iperf(from, to, seconds, `-u -l ${bytes} -b ${rate}`)
  const { packets, lost_packets: lost, seconds: took } = end.sum
  const received = packets - lost
  return { fps: received / took, offeredFps: packets / took, loss: lost / packets, bytes: received * bytes }
}
